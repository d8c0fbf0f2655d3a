using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Reductions of contiguous floats. Sums go through one partial sum for each fixed block, added in order, so they depend neither on the
/// number of threads nor on scheduling.
/// </summary>
internal static unsafe class Reduce
{
    private const long BlockElements = 1 << 15;

    /// <summary>Sum of x in double.</summary>
    public static double Sum(long count, float* x) => Blocks(count, (start, end) => Simd.Active switch
    {
        InstructionSet.Avx512 => VectorMath.Sum<Simd512, Vector512<float>>(end - start, x + start),
        InstructionSet.Avx2 => VectorMath.Sum<Simd256, Vector256<float>>(end - start, x + start),
        InstructionSet.Portable => VectorMath.Sum<Simd128, Vector128<float>>(end - start, x + start),
        _ => SumPlain(end - start, x + start),
    });

    /// <summary>Sum of x² in double.</summary>
    public static double SumOfSquares(long count, float* x) => Blocks(count, (start, end) => Simd.Active switch
    {
        InstructionSet.Avx512 => VectorMath.Dot<Simd512, Vector512<float>>(end - start, x + start, x + start),
        InstructionSet.Avx2 => VectorMath.Dot<Simd256, Vector256<float>>(end - start, x + start, x + start),
        InstructionSet.Portable => VectorMath.Dot<Simd128, Vector128<float>>(end - start, x + start, x + start),
        _ => SumOfSquaresPlain(end - start, x + start),
    });

    /// <summary>y[row] = sum of the row; x: [rows, columns] contiguous.</summary>
    public static void RowSum(long rows, long columns, float* x, float* y) =>
        WorkerPool.ForRange(rows, RowGrain(columns), (start, end, _) =>
    {
        for (long row = start; row < end; row++)
        {
            float* source = x + row * columns;
            y[row] = (float)(Simd.Active switch
            {
                InstructionSet.Avx512 => VectorMath.Sum<Simd512, Vector512<float>>(columns, source),
                InstructionSet.Avx2 => VectorMath.Sum<Simd256, Vector256<float>>(columns, source),
                InstructionSet.Portable => VectorMath.Sum<Simd128, Vector128<float>>(columns, source),
                _ => SumPlain(columns, source),
            });
        }
    });

    private static double SumPlain(long count, float* x)
    {
        double sum = 0;
        for (long i = 0; i < count; i++)
            sum += x[i];
        return sum;
    }

    private static double SumOfSquaresPlain(long count, float* x)
    {
        double sum = 0;
        for (long i = 0; i < count; i++)
            sum += (double)x[i] * x[i];
        return sum;
    }

    private static long RowGrain(long columns) => Math.Max(1, BlockElements / Math.Max(1, columns));

    private static double Blocks(long count, Func<long, long, double> block)
    {
        if (count <= 0)
            return 0;
        var partials = new double[(count + BlockElements - 1) / BlockElements];
        WorkerPool.ForRange(count, BlockElements, (start, end, _) => partials[start / BlockElements] = block(start, end));
        double sum = 0;
        foreach (double partial in partials)
            sum += partial;
        return sum;
    }
}
