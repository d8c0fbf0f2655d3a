namespace TorchSharp.Kernels;

/// <summary>
/// Softmax and its logarithm over the last dimension of contiguous [rows, columns]. The maximum of each row is subtracted first; a row with NaN
/// or +Inf, or of -Inf only, comes out as NaN.
/// </summary>
internal static unsafe class Softmax
{
    private const long ElementsPerTask = 1 << 15;

    /// <summary>y = exp(x) / sum(exp(x)); y may be x.</summary>
    public static void Forward(long rows, long columns, float* x, float* y) =>
        WorkerPool.ForRange(rows, RowGrain(columns), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* source = x + row * columns, target = y + row * columns;
                double sum = LogSumExp(columns, source);
                for (long i = 0; i < columns; i++)
                    target[i] = (float)Math.Exp(source[i] - sum);
            }
        });

    /// <summary>dx = y * (dy - sum(y dy)); dx may be dy.</summary>
    public static void Backward(long rows, long columns, float* y, float* dy, float* dx) =>
        WorkerPool.ForRange(rows, RowGrain(columns), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* output = y + row * columns, gradient = dy + row * columns, target = dx + row * columns;
                double sum = 0;
                for (long i = 0; i < columns; i++)
                    sum += (double)output[i] * gradient[i];
                for (long i = 0; i < columns; i++)
                    target[i] = (float)(output[i] * (gradient[i] - sum));
            }
        });

    /// <summary>y = x - log(sum(exp(x))); y may be x.</summary>
    public static void LogForward(long rows, long columns, float* x, float* y) =>
        WorkerPool.ForRange(rows, RowGrain(columns), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                double sum = LogSumExp(columns, x + row * columns);
                for (long i = row * columns; i < (row + 1) * columns; i++)
                    y[i] = (float)(x[i] - sum);
            }
        });

    /// <summary>dx = dy - exp(y) * sum(dy); dx may be dy.</summary>
    public static void LogBackward(long rows, long columns, float* y, float* dy, float* dx) =>
        WorkerPool.ForRange(rows, RowGrain(columns), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                double sum = 0;
                for (long i = row * columns; i < (row + 1) * columns; i++)
                    sum += dy[i];
                for (long i = row * columns; i < (row + 1) * columns; i++)
                    dx[i] = (float)(dy[i] - Math.Exp(y[i]) * sum);
            }
        });

    /// <summary>log(sum(exp(x))) of one row, in double.</summary>
    public static double LogSumExp(long columns, float* x)
    {
        float maximum = float.NegativeInfinity;
        for (long i = 0; i < columns; i++)
            maximum = Math.Max(maximum, x[i]);
        double sum = 0;
        for (long i = 0; i < columns; i++)
            sum += Math.Exp((double)x[i] - maximum);
        return maximum + Math.Log(sum);
    }

    private static long RowGrain(long columns) => Math.Max(1, ElementsPerTask / Math.Max(1, columns));
}
