using System.Threading.Channels;
using Microsoft.AspNetCore.Components;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Ui;

/// <summary>
/// A component that reads again when a doorbell rings: never more often than its interval, and once more after the last ring, so
/// that what is shown at rest is what is stored.
/// </summary>
public abstract class LiveComponent : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _disposed = new();
    private readonly List<IDisposable> _subscriptions = [];

    /// <summary>Cancelled when the component goes away.</summary>
    protected CancellationToken Gone => _disposed.Token;

    /// <summary>Whether the disk takes what is written.</summary>
    [Inject]
    protected StorageHealth Storage { get; set; } = null!;

    /// <summary>What a page shows of a failure and goes on; null for one that nobody foresaw.</summary>
    protected Exception? Told(Exception failure) =>
        failure is ConflictException or NotFoundException or OptionsInvalidException ? failure : Storage.Explain(failure);

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
            await foreach (bool _ in doorbell.ReadAllAsync(_disposed.Token))
            {
                await RefreshAsync();
                await Task.Delay(interval, _disposed.Token);
            }
        }
        catch (OperationCanceledException) when (_disposed.IsCancellationRequested)
        {
            // The component is gone: nobody is left to draw for.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (IDisposable subscription in _subscriptions)
            subscription.Dispose();
        // Not disposed: a read that has just ended may still ask for its token.
        _disposed.Cancel();
        GC.SuppressFinalize(this);
    }
}
