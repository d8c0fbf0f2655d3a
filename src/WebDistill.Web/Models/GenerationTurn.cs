using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Models;

/// <summary>
/// The right to compute in the playground: one at a time, in the order in which it was asked for, and no more in the line than
/// <see cref="InputLimits.OpenGenerations"/>.
/// </summary>
public sealed class GenerationTurn(HostSettings settings)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private int _open;

    /// <summary>Opens a generation or a comparison, which is counted until it is disposed.</summary>
    /// <exception cref="BusyException">As many are open as may be.</exception>
    public IDisposable Open()
    {
        int most = settings.Limits.OpenGenerations;
        if (Interlocked.Increment(ref _open) <= most)
            return new Place(this);
        Interlocked.Decrement(ref _open);
        throw new BusyException($"{most} generations and comparisons are under way or wait for their turn, which is the limit "
            + $"(Limits:{nameof(InputLimits.OpenGenerations)}). Ask again when one has ended, or stop one.");
    }

    /// <summary>Waits for the turn and computes on the calling thread.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while it waited.</exception>
    public T Take<T>(Func<T> compute, CancellationToken cancel)
    {
        _turn.Wait(cancel);
        try
        {
            return compute();
        }
        finally
        {
            _turn.Release();
        }
    }

    private sealed class Place(GenerationTurn turn) : IDisposable
    {
        private GenerationTurn? _turn = turn;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _turn, null) is GenerationTurn left)
                Interlocked.Decrement(ref left._open);
        }
    }
}
