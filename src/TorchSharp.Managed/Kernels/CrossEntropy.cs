using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Cross-entropy of each row of logits [rows, columns] against one class index: loss = log(sum(exp(x))) - x[target]. Rows whose target
/// equals <c>ignoreIndex</c> have loss 0 and gradient 0.
/// </summary>
internal static unsafe class CrossEntropy
{
    private const long ElementsPerTask = 1 << 15;

    /// <summary>losses[row] and, unless null, logSumExp[row] (kept for backward).</summary>
    /// <exception cref="IndexOutOfRangeException">A target is neither ignoreIndex nor in [0, columns).</exception>
    public static void Forward(long rows, long columns, float* logits, long* targets, long ignoreIndex, float* losses, float* logSumExp)
    {
        CheckTargets(rows, columns, targets, ignoreIndex);
        WorkerPool.ForRange(rows, Math.Max(1, ElementsPerTask / Math.Max(1, columns)), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                double sum = Softmax.LogSumExp(columns, logits + row * columns);
                if (logSumExp != null)
                    logSumExp[row] = (float)sum;
                losses[row] = targets[row] == ignoreIndex ? 0 : (float)(sum - logits[row * columns + targets[row]]);
            }
        });
    }

    /// <summary>dLogits = dLosses[row] * (softmax(logits) - onehot(target)); dLogits may be logits.</summary>
    public static void Backward(long rows, long columns, float* logits, long* targets, long ignoreIndex, float* logSumExp, float* dLosses,
        float* dLogits) =>
        WorkerPool.ForRange(rows, Math.Max(1, ElementsPerTask / Math.Max(1, columns)), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* source = logits + row * columns, target = dLogits + row * columns;
                if (targets[row] == ignoreIndex)
                {
                    for (long i = 0; i < columns; i++)
                        target[i] = 0;
                    continue;
                }
                switch (Simd.Active)
                {
                    case InstructionSet.Avx512:
                        BackwardRow<Simd512, Vector512<float>>(columns, source, logSumExp[row], dLosses[row], target);
                        break;
                    case InstructionSet.Avx2:
                        BackwardRow<Simd256, Vector256<float>>(columns, source, logSumExp[row], dLosses[row], target);
                        break;
                    case InstructionSet.Portable:
                        BackwardRow<Simd128, Vector128<float>>(columns, source, logSumExp[row], dLosses[row], target);
                        break;
                    default:
                        for (long i = 0; i < columns; i++)
                            target[i] = (float)(dLosses[row] * Math.Exp((double)source[i] - logSumExp[row]));
                        break;
                }
                target[targets[row]] -= dLosses[row];
            }
        });

    /// <summary>dLoss * exp(x - logSumExp).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<S, V>(long columns, float* x, float logSumExp, float dLoss, float* dx) where S : struct, ISimd<V>
    {
        V shift = S.Create(logSumExp), factor = S.Create(dLoss);
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V probability = VectorMath.Exp<S, V>(S.Subtract(VectorMath.Load<S, V>(x + i, lanes), shift));
            VectorMath.Store<S, V>(S.Multiply(probability, factor), dx + i, lanes);
        }
    }

    /// <summary>Checks that every target is ignoreIndex or a column.</summary>
    public static void CheckTargets(long rows, long columns, long* targets, long ignoreIndex)
    {
        for (long row = 0; row < rows; row++)
            if (targets[row] != ignoreIndex && (targets[row] < 0 || targets[row] >= columns))
                throw new IndexOutOfRangeException(
                    $"Target {targets[row]} of row {row} is outside [0, {columns}) and is not the ignored index {ignoreIndex}.");
    }
}
