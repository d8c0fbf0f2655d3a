using System.Collections.Concurrent;
using System.Diagnostics;

namespace WebDistill.Web.Live;

/// <summary>
/// Lets everybody who asks the same at the same time share one query: twenty pages that watch a run cost the training what one does. An
/// answer is shared until anything about any run is announced, which happens after every change, and never longer than
/// <see cref="LongestMilliseconds"/>. What is shared must not be changed.
/// </summary>
public sealed class SharedReads : IDisposable
{
    /// <summary>For what changes without an announcement.</summary>
    public const int LongestMilliseconds = 250;

    private readonly IDisposable _subscription;
    private ConcurrentDictionary<object, Read> _reads = new();

    /// <summary>Listens before any page can: when a page is told, what was shared is forgotten already.</summary>
    public SharedReads(RunAnnouncements announcements) =>
        _subscription = announcements.Subscribe(null, () => Interlocked.Exchange(ref _reads, new ConcurrentDictionary<object, Read>()));

    /// <summary>The answer to <paramref name="query"/>, made by <paramref name="read"/> unless somebody has just asked for it.</summary>
    /// <param name="read">Serves all who share it, so nobody's leaving may cancel it.</param>
    public async Task<T> ReadAsync<T>(object query, Func<Task<T>> read, CancellationToken cancel)
    {
        ConcurrentDictionary<object, Read> reads = Volatile.Read(ref _reads);
        Read shared = reads.GetOrAdd(query, _ => Begin(read));
        if (Stopwatch.GetElapsedTime(shared.Since).TotalMilliseconds > LongestMilliseconds)
        {
            reads.TryRemove(new KeyValuePair<object, Read>(query, shared));
            shared = reads.GetOrAdd(query, _ => Begin(read));
        }
        return await ((Task<T>)shared.Answer.Value).WaitAsync(cancel);
    }

    // On the thread pool: on the circuit of whoever asks first, a slow one would hold up all the others.
    private static Read Begin<T>(Func<Task<T>> read) => new(new Lazy<Task>(() => Task.Run(read)));

    /// <inheritdoc/>
    public void Dispose() => _subscription.Dispose();

    private sealed record Read(Lazy<Task> Answer)
    {
        public long Since { get; } = Stopwatch.GetTimestamp();
    }
}
