using System.Text.Json;
using Microsoft.JSInterop;

namespace WebDistill.Web.Ui;

/// <summary>What is being typed on a page, kept in the browser: through a reload, Back, a lost circuit and a restart of the server.</summary>
/// <param name="name">Under which the browser keeps it; two pages never share one.</param>
/// <param name="gone">Cancelled when the page goes away.</param>
public sealed class BrowserDraft<T>(IJSRuntime js, string name, CancellationToken gone) where T : class
{
    // Long enough for a word, short against a server that ends.
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(150);

    private CancellationTokenSource? _pending;

    /// <summary>What was kept; null where nothing was, or where it is of a version that wrote another form.</summary>
    public async Task<T?> RecallAsync()
    {
        try
        {
            return await js.InvokeAsync<T?>("webdistill.recall", gone, $"draft.{name}");
        }
        catch (Exception e) when (IsGone(e))
        {
            return null;
        }
        catch (JsonException)
        {
            await ForgetAsync();
            return null;
        }
    }

    /// <summary>Keeps it soon: what is typed meanwhile is kept with it.</summary>
    /// <param name="state">Read when it is kept.</param>
    public async Task KeepAsync(Func<T> state)
    {
        _pending?.Cancel();
        _pending = CancellationTokenSource.CreateLinkedTokenSource(gone);
        CancellationToken cancel = _pending.Token;
        try
        {
            await Task.Delay(s_delay, cancel);
            await js.InvokeVoidAsync("webdistill.remember", cancel, $"draft.{name}", state());
        }
        catch (Exception e) when (cancel.IsCancellationRequested || IsGone(e))
        {
            // Another key was pressed, or the page was left: its last state was kept before.
        }
    }

    /// <summary>Removes it: what was typed is launched, or shall be begun afresh.</summary>
    public async Task ForgetAsync()
    {
        _pending?.Cancel();
        try
        {
            await js.InvokeVoidAsync("webdistill.remember", gone, $"draft.{name}", null);
        }
        catch (Exception e) when (IsGone(e))
        {
            // Nobody is there to remove it from.
        }
    }

    private bool IsGone(Exception e) => e is JSDisconnectedException || e is OperationCanceledException && gone.IsCancellationRequested;
}
