using MudBlazor;

namespace WebDistill.Web.Ui;

/// <summary>What a page says when something was done that can be taken back.</summary>
public static class Undo
{
    // Long enough to read it and to think again.
    private const int ShownMilliseconds = 12_000;

    /// <summary>Says that something was deleted and offers to take it back.</summary>
    /// <param name="undo">Takes it back; null where it is gone for good.</param>
    public static void AddDeleted(this ISnackbar snackbar, string name, Func<Task>? undo) => snackbar.Add($"Deleted {name}", Severity.Success, options =>
    {
        if (undo is null)
            return;
        options.VisibleStateDuration = ShownMilliseconds;
        options.Action = "Undo";
        options.ActionColor = Color.Inherit;
        options.OnClick = _ => undo();
    });
}
