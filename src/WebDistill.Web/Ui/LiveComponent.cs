using System.Threading.Channels;
using Microsoft.AspNetCore.Components;
using WebDistill.Web.Live;

namespace WebDistill.Web.Ui;

/// <summary>A bell that a component listens to.</summary>
/// <param name="Announcements">What rings.</param>
/// <param name="Interval">The least time between two readings.</param>
/// <param name="Id">Of which run or data set alone; any when null.</param>
public readonly record struct Bell(Announcements Announcements, TimeSpan Interval, Guid? Id = null);

/// <summary>
/// A component that reads again when a bell rings: never more often than its interval, and once more after the last ring, so
/// that what is shown at rest is what is stored.
/// </summary>
/// <remarks>
/// Two things keep that promise. It listens before it reads for the first time: a ring between the two would be the last one of a
/// run that has just ended. And its readings follow one another: one that began before a change and ended after a later one would
/// put back what was.
/// </remarks>
public abstract class LiveComponent : AskingComponent
{
    private readonly List<IDisposable> _subscriptions = [];
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The bells after whose rings it reads and draws.</summary>
    protected virtual IReadOnlyList<Bell> Bells => [];

    /// <summary>Reads what is shown. Asked for by <see cref="LoadAsync"/> alone, never by two at a time.</summary>
    protected abstract Task FetchAsync();

    /// <inheritdoc/>
    protected sealed override void OnInitialized()
    {
        // What is drawn beforehand and sent as a document is never drawn again.
        if (!RendererInfo.IsInteractive)
            return;
        foreach (Bell bell in Bells)
            Listen(bell);
    }

    /// <summary>Reads what is shown, after every reading that has begun.</summary>
    protected async Task LoadAsync()
    {
        await _turn.WaitAsync(Gone);
        try
        {
            await FetchAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Listens to a bell that was not known before; what rang for nobody is to be read after that.</summary>
    protected void Listen(Bell bell)
    {
        Channel<bool> doorbell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        _subscriptions.Add(bell.Announcements.Subscribe(bell.Id, () => doorbell.Writer.TryWrite(true)));
        _ = AnswerAsync(doorbell.Reader, bell.Interval);
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
