namespace TorchSharp.Kernels;

/// <summary>
/// Cross-entropy of each row of logits [rows, columns] against one class index: loss = log(sum(exp(x))) - x[target]. Rows whose target equals
/// <c>ignoreIndex</c> have loss 0 and gradient 0.
/// </summary>
internal static unsafe class CrossEntropy
{
    /// <summary>losses[row] and, unless null, logSumExp[row] (kept for backward).</summary>
    /// <exception cref="IndexOutOfRangeException">A target is neither ignoreIndex nor in [0, columns).</exception>
    public static void Forward(long rows, long columns, float* logits, long* targets, long ignoreIndex, float* losses, float* logSumExp)
    {
        CheckTargets(rows, columns, targets, ignoreIndex);
        WorkerPool.ForRange(rows, 1, (start, end, _) =>
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
    public static void Backward(long rows, long columns, float* logits, long* targets, long ignoreIndex, float* logSumExp, float* dLosses, float* dLogits) =>
        WorkerPool.ForRange(rows, 1, (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* source = logits + row * columns, target = dLogits + row * columns;
                bool ignored = targets[row] == ignoreIndex;
                for (long i = 0; i < columns; i++)
                    target[i] = ignored ? 0 : (float)(dLosses[row] * Math.Exp((double)source[i] - logSumExp[row]));
                if (!ignored)
                    target[targets[row]] -= dLosses[row];
            }
        });

    /// <summary>Checks that every target is ignoreIndex or a column.</summary>
    public static void CheckTargets(long rows, long columns, long* targets, long ignoreIndex)
    {
        for (long row = 0; row < rows; row++)
            if (targets[row] != ignoreIndex && (targets[row] < 0 || targets[row] >= columns))
                throw new IndexOutOfRangeException(
                    $"Target {targets[row]} of row {row} is outside [0, {columns}) and is not the ignored index {ignoreIndex}.");
    }
}
