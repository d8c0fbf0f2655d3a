using Microsoft.AspNetCore.SignalR;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Live;

/// <summary>Counts the runs that each client watches: each watch holds memory until it ends.</summary>
public sealed class OpenWatches(HostSettings settings)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _counts = [];

    /// <summary>Counts one more until it is disposed.</summary>
    /// <exception cref="HubException">The client watches as many as it may.</exception>
    public IDisposable Begin(string client)
    {
        int most = settings.Limits.WatchesPerClient;
        lock (_lock)
        {
            int count = _counts.GetValueOrDefault(client);
            if (count >= most)
                throw new HubException($"This client watches {count} runs live, which is the limit (Limits:{nameof(InputLimits.WatchesPerClient)}). "
                    + "Close some pages.");
            _counts[client] = count + 1;
        }
        return new Watch(this, client);
    }

    private void End(string client)
    {
        lock (_lock)
        {
            if (--_counts[client] == 0)
                _counts.Remove(client);
        }
    }

    private sealed class Watch(OpenWatches watches, string client) : IDisposable
    {
        private OpenWatches? _watches = watches;

        public void Dispose() => Interlocked.Exchange(ref _watches, null)?.End(client);
    }
}
