using WebDistill.Distillation.Options;

namespace WebDistill.Web.Jobs;

/// <summary>What somebody wants of the run that has the machine.</summary>
internal enum RunWish
{
    /// <summary>That it goes on.</summary>
    None,

    /// <summary>That it saves its state and rests.</summary>
    Pause,

    /// <summary>That it saves its state and ends.</summary>
    Stop,
}

/// <summary>The reins of the run that has the machine, held by whoever commands it and felt by the training thread.</summary>
internal sealed class RunSignals : IDisposable
{
    private readonly CancellationTokenSource _ended;
    private readonly AutoResetEvent _retry = new(false);
    private volatile RunWish _wish;
    private volatile string? _reason;
    private volatile GuardOptions? _guards;

    public RunSignals(Guid id, CancellationToken shutdown)
    {
        Id = id;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(shutdown);
        Ended = _ended.Token;
    }

    /// <summary>The run.</summary>
    public Guid Id { get; }

    /// <summary>Signalled by a wish, and by the end of the process.</summary>
    public CancellationToken Ended { get; }

    /// <summary>What somebody wants; with <see cref="Ended"/> signalled and no wish, the process ends.</summary>
    public RunWish Wish => _wish;

    /// <summary>Why a guard wants it; null where a person does.</summary>
    public string? Reason => _reason;

    /// <summary>The guards that somebody gave the run since the attempt began; null for those that it began with.</summary>
    public GuardOptions? Guards
    {
        get => _guards;
        set => _guards = value;
    }

    /// <summary>Asks for it; a stop outweighs a pause.</summary>
    /// <param name="reason">Why a guard does; null for a person.</param>
    public void Ask(RunWish wish, string? reason = null)
    {
        if (wish > _wish)
            (_wish, _reason) = (wish, reason);
        try
        {
            _ended.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself in the same moment, which is what was asked for.
        }
    }

    /// <summary>Ends a wait for room on the disk early.</summary>
    public void Retry()
    {
        try
        {
            _retry.Set();
        }
        catch (ObjectDisposedException)
        {
            // It does not wait any more.
        }
    }

    /// <summary>Waits for <see cref="Retry"/>, for <see cref="Ended"/> or for the time to pass.</summary>
    public void WaitForRetry(TimeSpan time) => WaitHandle.WaitAny([_retry, Ended.WaitHandle], time);

    public void Dispose()
    {
        _ended.Dispose();
        _retry.Dispose();
    }
}
