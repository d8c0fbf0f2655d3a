namespace TorchSharp.Kernels;

/// <summary>
/// Layer normalisation over the last dimension: y = (x - mean) / sqrt(variance + eps) * weight + bias, with the biased variance of each row.
/// x, y: [rows, columns] contiguous; weight, bias: [columns] or null; mean, inverseDeviation: [rows], kept for backward.
/// </summary>
internal static unsafe class LayerNorm
{
    private const long RowGrain = 32;

    /// <summary>y, mean and inverseDeviation = 1 / sqrt(variance + eps) of every row; mean and inverseDeviation may be null.</summary>
    public static void Forward(long rows, long columns, float* x, float* weight, float* bias, float epsilon, float* y, float* mean, float* inverseDeviation) =>
        WorkerPool.ForRange(rows, RowGrain, (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* source = x + row * columns;
                double sum = 0, squares = 0;
                for (long i = 0; i < columns; i++)
                    sum += source[i];
                double average = sum / columns;
                for (long i = 0; i < columns; i++)
                    squares += (source[i] - average) * (source[i] - average);
                double scale = 1 / Math.Sqrt(squares / columns + epsilon);
                for (long i = 0; i < columns; i++)
                    y[row * columns + i] = (float)((source[i] - average) * scale * (weight == null ? 1 : weight[i]) + (bias == null ? 0 : bias[i]));
                if (mean != null)
                    mean[row] = (float)average;
                if (inverseDeviation != null)
                    inverseDeviation[row] = (float)scale;
            }
        });

    /// <summary>
    /// With h = (x - mean) * inverseDeviation and g = dy * weight: dx = inverseDeviation * (g - mean(g) - h * mean(g h)), dWeight = sum over rows
    /// of dy h, dBias = sum over rows of dy. Each of dx, dWeight, dBias may be null; all are overwritten.
    /// </summary>
    public static void Backward(long rows, long columns, float* dy, float* x, float* weight, float* mean, float* inverseDeviation,
        float* dx, float* dWeight, float* dBias)
    {
        for (long i = 0; i < columns; i++)
        {
            if (dWeight != null)
                dWeight[i] = 0;
            if (dBias != null)
                dBias[i] = 0;
        }
        for (long row = 0; row < rows; row++)
        {
            float* source = x + row * columns;
            float* gradient = dy + row * columns;
            double sum = 0, product = 0;
            for (long i = 0; i < columns; i++)
            {
                double h = (source[i] - mean[row]) * inverseDeviation[row];
                double g = gradient[i] * (weight == null ? 1 : weight[i]);
                sum += g;
                product += g * h;
                if (dWeight != null)
                    dWeight[i] += (float)(gradient[i] * h);
                if (dBias != null)
                    dBias[i] += gradient[i];
            }
            if (dx == null)
                continue;
            for (long i = 0; i < columns; i++)
            {
                double h = (source[i] - mean[row]) * inverseDeviation[row];
                double g = gradient[i] * (weight == null ? 1 : weight[i]);
                dx[row * columns + i] = (float)(inverseDeviation[row] * (g - sum / columns - h * product / columns));
            }
        }
    }
}
