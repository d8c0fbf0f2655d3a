using System.Threading.Channels;
using Microsoft.AspNetCore.Components;

namespace WebDistill.Web.Ui;

/// <summary>
/// A component that reads again when a doorbell rings: never more often than its interval, and once more after the last ring, so
/// that what is shown at rest is what is stored.
/// </summary>
public abstract class LiveComponent : AskingComponent
{
    private readonly List<IDisposable> _subscriptions = [];

    /// <summary>Reads what is shown.</summary>
    protected abstract Task LoadAsync();

    /// <summary>Calls <see cref="LoadAsync"/> and draws, after every ring of <paramref name="subscribe"/>.</summary>
    protected void Listen(Func<Action, IDisposable> subscribe, TimeSpan interval)
    {
        Channel<bool> doorbell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        _subscriptions.Add(subscribe(() => doorbell.Writer.TryWrite(true)));
        _ = AnswerAsync(doorbell.Reader, interval);
    }

    /// <summary>Reads and draws now.</summary>
    protected Task RefreshAsync() => InvokeAsync(async () =>
    {
        await LoadAsync();
        StateHasChanged();
    });

    private async Task AnswerAsync(ChannelReader<bool> doorbell, TimeSpan interval)
    {
        try
        {
            await foreach (bool _ in doorbell.ReadAllAsync(Gone))
            {
                await RefreshAsync();
                await Task.Delay(interval, Gone);
            }
        }
        catch (OperationCanceledException) when (Gone.IsCancellationRequested)
        {
            // The component is gone: nobody is left to draw for.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (IDisposable subscription in _subscriptions)
            subscription.Dispose();
        base.Dispose();
    }
}
