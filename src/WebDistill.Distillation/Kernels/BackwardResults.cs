using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// What stands around the backward pass of every node of ours. It runs inside the caller's dispose scope, which would hold every gradient that
/// passes until the whole pass is over; and it is called by native code, through which no exception may pass: the process would end.
/// </summary>
internal static class BackwardResults
{
    [ThreadStatic] private static Tensor? t_latest;

    // Not of one thread: on a GPU libtorch's own thread goes backward.
    private static ExceptionDispatchInfo? s_failure;

    /// <summary>Computes the gradient at a node's first input, the only one that has any.</summary>
    /// <param name="incoming">The gradient at the node's output, freed here: nobody else has use for this handle.</param>
    /// <param name="inputs">How many inputs the node has.</param>
    /// <param name="gradient">Computes it; null where it has been added elsewhere.</param>
    /// <returns>No gradients when it failed; <see cref="End"/> tells.</returns>
    public static List<Tensor> Of(Tensor incoming, int inputs, Func<Tensor?> gradient)
    {
        var results = new Tensor[inputs];
        try
        {
            Tensor? outgoing = gradient();
            // libtorch has taken what the previous node returned by now.
            t_latest?.Dispose();
            t_latest = outgoing?.DetachFromDisposeScope();
            results[0] = outgoing!;
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref s_failure, ExceptionDispatchInfo.Capture(exception), null);
        }
        incoming.Dispose();
        return [.. results];
    }

    /// <summary>Called when a backward pass is over, or has failed: frees what the last node returned.</summary>
    /// <exception cref="Exception">What a node of ours failed with; the gradients are of no use then.</exception>
    public static void End()
    {
        t_latest?.Dispose();
        t_latest = null;
        Interlocked.Exchange(ref s_failure, null)?.Throw();
    }
}
