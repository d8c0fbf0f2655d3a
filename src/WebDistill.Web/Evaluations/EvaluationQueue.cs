using WebDistill.Web.Formats;

namespace WebDistill.Web.Evaluations;

/// <summary>Wakes who computes evaluations, and lets the one that is being computed end early.</summary>
public sealed class EvaluationQueue : IDisposable
{
    private readonly SemaphoreSlim _doorbell = new(0, 1);
    private readonly Lock _lock = new();
    private readonly HashSet<Guid> _despiteTraining = [];
    private (Guid Id, CancellationTokenSource Source)? _current;

    /// <summary>Says that there may be something to do.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            if (_doorbell.CurrentCount == 0)
                _doorbell.Release();
        }
    }

    /// <summary>Waits until there may be something to do.</summary>
    public Task ChangedAsync(CancellationToken cancel) => _doorbell.WaitAsync(cancel);

    /// <summary>Those that somebody wants measured though a run trains; a restart forgets it, and they wait again.</summary>
    public IReadOnlyList<Guid> DespiteTraining
    {
        get
        {
            lock (_lock)
                return [.. _despiteTraining];
        }
    }

    /// <summary>Lets an evaluation that would wait for the training be computed beside it.</summary>
    public void WaitNoLonger(Guid id)
    {
        lock (_lock)
            _despiteTraining.Add(id);
        Wake();
    }

    /// <summary>Ends the evaluation if it is the one being computed.</summary>
    public void Cancel(Guid id)
    {
        lock (_lock)
        {
            if (_current is (Guid current, CancellationTokenSource source) && current == id)
                source.Cancel();
        }
    }

    /// <summary>Names the evaluation that is being computed from now on; null when none is.</summary>
    public void Begin(Guid? id, CancellationTokenSource? source)
    {
        lock (_lock)
            _current = id is Guid begun ? (begun, source!) : null;
    }

    /// <inheritdoc/>
    public void Dispose() => _doorbell.Dispose();
}
