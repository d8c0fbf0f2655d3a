namespace TorchSharp.Kernels;

/// <summary>A function of one float, applied by <see cref="Elementwise"/>.</summary>
internal interface IUnaryOperator
{
    float Invoke(float x);
}

/// <summary>A function of two floats, applied by <see cref="Elementwise"/>.</summary>
internal interface IBinaryOperator
{
    float Invoke(float a, float b);
}

/// <summary>
/// Maps over contiguous floats, in parallel when long. Operators are structs (<see cref="Operators"/>), so that each loop is compiled for
/// its operator. Outputs may be one of the inputs.
/// </summary>
internal static unsafe class Elementwise
{
    private const long Grain = 1 << 15;

    /// <summary>y = op(x).</summary>
    public static void Unary<TOperator>(long count, float* x, float* y, TOperator op = default) where TOperator : struct, IUnaryOperator =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                y[i] = op.Invoke(x[i]);
        });

    /// <summary>y = op(a, b).</summary>
    public static void Binary<TOperator>(long count, float* a, float* b, float* y, TOperator op = default)
        where TOperator : struct, IBinaryOperator =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                y[i] = op.Invoke(a[i], b[i]);
        });

    /// <summary>y = op(a, b) with one b for all.</summary>
    public static void BinaryScalar<TOperator>(long count, float* a, float b, float* y, TOperator op = default)
        where TOperator : struct, IBinaryOperator =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                y[i] = op.Invoke(a[i], b);
        });

    /// <summary>y = op(a, b) with one a for all.</summary>
    public static void ScalarBinary<TOperator>(long count, float a, float* b, float* y, TOperator op = default)
        where TOperator : struct, IBinaryOperator =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                y[i] = op.Invoke(a, b[i]);
        });

    /// <summary>y[row, :] = op(a[row, :], b) with a, y: [rows, columns] and b: [columns].</summary>
    public static void BinaryRow<TOperator>(long rows, long columns, float* a, float* b, float* y, TOperator op = default)
        where TOperator : struct, IBinaryOperator =>
        WorkerPool.ForRange(rows, Math.Max(1, Grain / Math.Max(1, columns)), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
                for (long i = 0; i < columns; i++)
                    y[row * columns + i] = op.Invoke(a[row * columns + i], b[i]);
        });

    /// <summary>y = value.</summary>
    public static void Fill(long count, float* y, float value) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
        new Span<float>(y + start, (int)(end - start)).Fill(value));

    /// <summary>y = x, which must not overlap.</summary>
    public static void Copy(long count, float* x, float* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
        Buffer.MemoryCopy(x + start, y + start, (end - start) * sizeof(float), (end - start) * sizeof(float)));
}
