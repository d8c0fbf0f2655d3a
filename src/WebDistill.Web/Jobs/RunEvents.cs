using WebDistill.Data;

namespace WebDistill.Web.Jobs;

/// <summary>A run that became something else, in which a guard saw something, or about which somebody wrote something.</summary>
/// <param name="Run">As it is now.</param>
/// <param name="From">What it was.</param>
/// <param name="Alert">What was seen; null where nothing was.</param>
/// <param name="Note">What was written; null where nothing was.</param>
public sealed record RunEvent(Run Run, RunStatus From, Alert? Alert = null, RunNote? Note = null);

/// <summary>Tells of every change of a run's status, every alert and every note, after it is saved: for what is shown or sent, never for what is decided.</summary>
public sealed class RunEvents(ILogger<RunEvents> logger)
{
    private readonly Lock _lock = new();
    private readonly List<Action<RunEvent>> _listeners = [];

    /// <summary>Calls <paramref name="listener"/> at every change until disposed. It must return at once.</summary>
    public IDisposable Subscribe(Action<RunEvent> listener)
    {
        lock (_lock)
            _listeners.Add(listener);
        return new Subscription(this, listener);
    }

    internal void Publish(RunEvent change)
    {
        Action<RunEvent>[] called;
        lock (_lock)
            called = [.. _listeners];
        foreach (Action<RunEvent> listener in called)
        {
            try
            {
                listener(change);
            }
            catch (Exception e)
            {
                // Whoever is told must not be able to stop a training.
                logger.LogError(e, "A listener to the status of run {RunId} failed", change.Run.Id);
            }
        }
    }

    private sealed class Subscription(RunEvents owner, Action<RunEvent> listener) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._lock)
                owner._listeners.Remove(listener);
        }
    }
}
