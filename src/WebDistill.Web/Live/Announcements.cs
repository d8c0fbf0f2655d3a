namespace WebDistill.Web.Live;

/// <summary>
/// A doorbell: says that something about a run or a data set was saved, never what. Whoever hears it reads the database, so a bell
/// missed or rung twice does no harm.
/// </summary>
public abstract class Announcements(ILogger logger)
{
    private readonly Lock _lock = new();
    private readonly List<Subscription> _subscriptions = [];

    /// <summary>
    /// Calls <paramref name="ring"/> after every change to <paramref name="id"/>, or to any when it is null, until disposed.
    /// It is called on the thread that saved and must return at once.
    /// </summary>
    public IDisposable Subscribe(Guid? id, Action ring)
    {
        var subscription = new Subscription(this, id, ring);
        lock (_lock)
            _subscriptions.Add(subscription);
        return subscription;
    }

    /// <summary>Rings for <paramref name="id"/>; call it after the change is saved.</summary>
    public void Announce(Guid id)
    {
        Subscription[] called;
        lock (_lock)
            called = [.. _subscriptions.Where(s => s.Id is null || s.Id == id)];
        foreach (Subscription subscription in called)
        {
            try
            {
                subscription.Ring();
            }
            catch (Exception e)
            {
                // A page that fails to redraw must not fail the training that rings for it.
                logger.LogError(e, "A subscriber to {Id} failed", id);
            }
        }
    }

    private sealed class Subscription(Announcements owner, Guid? id, Action ring) : IDisposable
    {
        public Guid? Id => id;

        public void Ring() => ring();

        public void Dispose()
        {
            lock (owner._lock)
                owner._subscriptions.Remove(this);
        }
    }
}
