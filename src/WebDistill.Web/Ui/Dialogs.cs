using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace WebDistill.Web.Ui;

/// <summary>The questions that a page asks before it goes on, one at a time: a click repeated while the first is on its way asks nothing more.</summary>
public sealed class Dialogs(IDialogService service)
{
    // The harmless button stands first and has the focus.
    private static readonly DialogOptions s_options = new()
    {
        CloseOnEscapeKey = true, MaxWidth = MaxWidth.ExtraSmall, FullWidth = true, DefaultFocus = DefaultFocus.FirstChild,
    };

    private bool _isOpen;

    /// <summary>Asks before something is done that cannot be taken back; true when it shall be.</summary>
    /// <param name="title">The question.</param>
    /// <param name="text">What goes.</param>
    /// <param name="extra">What stays, or what goes with it.</param>
    /// <param name="verb">The word on the button that does it.</param>
    /// <param name="destroys">Whether something is lost.</param>
    /// <param name="refusal">The word on the button that changes nothing.</param>
    public async Task<bool> ConfirmAsync(string title, string text, string? extra, string verb, bool destroys = true, string refusal = "Cancel") =>
        await AskAsync<Confirmation>(title, new DialogParameters<Confirmation>
        {
            { dialog => dialog.Text, text }, { dialog => dialog.Extra, extra }, { dialog => dialog.Verb, verb },
            { dialog => dialog.Destroys, destroys }, { dialog => dialog.Refusal, refusal },
        }) is true;

    /// <summary>Asks for another name of something.</summary>
    /// <param name="what">The kind of thing: "model".</param>
    /// <returns>The name, which can be used; null when it stays.</returns>
    public async Task<string?> AskNameAsync(string what, string name) =>
        await AskAsync<NameDialog>($"Rename the {what}", new DialogParameters<NameDialog> { { dialog => dialog.Name, name } }) is string given && given != name ? given : null;

    /// <summary>Shows a dialog of the product's.</summary>
    /// <returns>What it was closed with; null when it was left, or when another one is open.</returns>
    public async Task<object?> AskAsync<TDialog>(string title, DialogParameters<TDialog> parameters) where TDialog : IComponent
    {
        if (_isOpen)
            return null;
        _isOpen = true;
        try
        {
            IDialogReference dialog = await service.ShowAsync<TDialog>(title, parameters, s_options);
            return await dialog.Result is { Canceled: false } answer ? answer.Data : null;
        }
        finally
        {
            _isOpen = false;
        }
    }
}
