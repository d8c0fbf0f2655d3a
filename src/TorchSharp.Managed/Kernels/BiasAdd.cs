namespace TorchSharp.Kernels;

/// <summary>y[row, :] = x[row, :] + bias over contiguous [rows, columns].</summary>
internal static unsafe class BiasAdd
{
    private const long ElementsPerTask = 1 << 15;

    /// <summary>Adds the bias to every row; y may be x.</summary>
    public static void Run(long rows, long columns, float* x, float* bias, float* y) =>
        WorkerPool.ForRange(rows, Math.Max(1, ElementsPerTask / Math.Max(1, columns)), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
                for (long i = 0; i < columns; i++)
                    y[row * columns + i] = x[row * columns + i] + bias[i];
        });
}
