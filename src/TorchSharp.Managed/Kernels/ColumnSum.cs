namespace TorchSharp.Kernels;

/// <summary>y[i] = sum over rows of x[row, i]: the gradient of a bias. Rows are added in ascending order within fixed blocks.</summary>
internal static unsafe class ColumnSum
{
    /// <summary>x: [rows, columns] with leading dimension <paramref name="ldx"/>; y: [columns], overwritten unless <paramref name="accumulate"/>.</summary>
    public static void Run(long rows, long columns, float* x, long ldx, float* y, bool accumulate = false)
    {
        for (long i = 0; i < columns; i++)
        {
            double sum = 0;
            for (long row = 0; row < rows; row++)
                sum += x[row * ldx + i];
            y[i] = (float)(accumulate ? y[i] + sum : sum);
        }
    }
}
