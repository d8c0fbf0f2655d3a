using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// y[i] = sum over rows of x[row, i]: the gradient of a bias. Rows are added in fixed blocks whose sums are added in order, so the result
/// does not depend on the number of threads.
/// </summary>
internal static unsafe class ColumnSum
{
    private const long SmallestBlockRows = 64;
    private const long LargestBlockCount = 64;

    /// <summary>
    /// x: [rows, columns] with leading dimension <paramref name="ldx"/>; y: [columns], overwritten unless <paramref name="accumulate"/>.
    /// </summary>
    public static void Run(long rows, long columns, float* x, long ldx, float* y, bool accumulate = false)
    {
        long grain = Math.Max(SmallestBlockRows, (rows + LargestBlockCount - 1) / LargestBlockCount);
        long blocks = (rows + grain - 1) / grain;
        if (blocks <= 1)
        {
            Block(rows, columns, x, ldx, y, accumulate);
            return;
        }
        float* partials = BufferPool.RentFloats(blocks * columns);
        WorkerPool.ForRange(rows, grain, (start, end, _) =>
            Block(end - start, columns, x + start * ldx, ldx, partials + start / grain * columns, false));
        Block(blocks, columns, partials, columns, y, accumulate);
        BufferPool.Return(partials);
    }

    private static void Block(long rows, long columns, float* x, long ldx, float* y, bool accumulate)
    {
        switch (Simd.Active)
        {
            case InstructionSet.Avx512:
                BlockFast<Simd512, Vector512<float>>(rows, columns, x, ldx, y, accumulate);
                break;
            case InstructionSet.Avx2:
                BlockFast<Simd256, Vector256<float>>(rows, columns, x, ldx, y, accumulate);
                break;
            case InstructionSet.Portable:
                BlockFast<Simd128, Vector128<float>>(rows, columns, x, ldx, y, accumulate);
                break;
            default:
                BlockPlain(rows, columns, x, ldx, y, accumulate);
                break;
        }
    }

    private static void BlockPlain(long rows, long columns, float* x, long ldx, float* y, bool accumulate)
    {
        for (long i = 0; i < columns; i++)
        {
            double sum = accumulate ? y[i] : 0;
            for (long row = 0; row < rows; row++)
                sum += x[row * ldx + i];
            y[i] = (float)sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BlockFast<S, V>(long rows, long columns, float* x, long ldx, float* y, bool accumulate) where S : struct, ISimd<V>
    {
        // Four vectors of columns together: whole cache lines of each row, and four independent sums.
        long i = 0;
        for (; i + 4 * S.Count <= columns; i += 4 * S.Count)
        {
            float* source = x + i;
            V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero;
            for (long row = 0; row < rows; row++, source += ldx)
            {
                sum0 = S.Add(sum0, S.Load(source));
                sum1 = S.Add(sum1, S.Load(source + S.Count));
                sum2 = S.Add(sum2, S.Load(source + 2 * S.Count));
                sum3 = S.Add(sum3, S.Load(source + 3 * S.Count));
            }
            S.Store(accumulate ? S.Add(S.Load(y + i), sum0) : sum0, y + i);
            S.Store(accumulate ? S.Add(S.Load(y + i + S.Count), sum1) : sum1, y + i + S.Count);
            S.Store(accumulate ? S.Add(S.Load(y + i + 2 * S.Count), sum2) : sum2, y + i + 2 * S.Count);
            S.Store(accumulate ? S.Add(S.Load(y + i + 3 * S.Count), sum3) : sum3, y + i + 3 * S.Count);
        }
        for (; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V sum = S.Zero;
            for (long row = 0; row < rows; row++)
                sum = S.Add(sum, VectorMath.Load<S, V>(x + row * ldx + i, lanes));
            VectorMath.Store<S, V>(accumulate ? S.Add(VectorMath.Load<S, V>(y + i, lanes), sum) : sum, y + i, lanes);
        }
    }
}
