using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Keeps what a node's backward returns alive until libtorch has taken it, and no longer. Backward runs inside the caller's dispose scope, which
/// would hold every gradient that passes a node of ours until the whole backward pass is over.
/// </summary>
internal static class BackwardResults
{
    [ThreadStatic] private static Tensor? t_latest;

    /// <summary>
    /// Called last in backward: frees the gradient that came in, and what this thread's previous node returned, which libtorch holds by now.
    /// </summary>
    /// <param name="incoming">The gradient at the node's output; nobody else has use for this handle.</param>
    /// <param name="outgoing">The gradient at the node's input.</param>
    public static Tensor Return(Tensor incoming, Tensor outgoing)
    {
        t_latest?.Dispose();
        t_latest = outgoing.DetachFromDisposeScope();
        incoming.Dispose();
        return outgoing;
    }

    /// <summary>Called when a backward pass is over: frees what the last node returned.</summary>
    public static void Release()
    {
        t_latest?.Dispose();
        t_latest = null;
    }
}
