namespace WebDistill.Web.Playground;

/// <summary>The right to compute in the playground: one at a time, in the order in which it was asked for.</summary>
public sealed class GenerationTurn
{
    private readonly SemaphoreSlim _turn = new(1, 1);

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
}
