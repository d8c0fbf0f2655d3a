using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Products with up to four rows of A, as in generation token by token. They are bound by reading B, so B is read once, in the order in
/// which it lies in memory, without packing.
/// </summary>
internal static unsafe class MatrixVector
{
    private const long RowsTogether = 4;
    private const long ElementsPerTask = 1 << 16;

    /// <summary>C = A B (+ C) (+ bias).</summary>
    public static void Run(InstructionSet set, Gemm.Operands operands)
    {
        switch (set)
        {
            case InstructionSet.Avx512:
                Run<Simd512, Vector512<float>>(operands);
                break;
            case InstructionSet.Avx2:
                Run<Simd256, Vector256<float>>(operands);
                break;
            default:
                Run<Simd128, Vector128<float>>(operands);
                break;
        }
    }

    private static void Run<S, V>(Gemm.Operands o) where S : struct, ISimd<V>
    {
        // Four rows of A side by side, the missing ones zero: depth-contiguous for dot products.
        float* rows = BufferPool.RentFloats(RowsTogether * o.K, zero: true);
        for (long row = 0; row < o.M; row++)
            for (long k = 0; k < o.K; k++)
                rows[row * o.K + k] = o.A[row * o.RowStrideA + k * o.DepthStrideA];
        try
        {
            if (o.ColumnStrideB != 1)
            {
                WorkerPool.ForRange(o.N, Math.Max(4, ElementsPerTask / o.K), (start, end, _) => Columns<S, V>(o, rows, start, end));
            }
            else
            {
                long width = 8 * S.Count;
                WorkerPool.ForRange(o.N, width, (start, end, _) => Rows<S, V>(o, rows, start, end));
            }
        }
        finally
        {
            BufferPool.Return(rows);
        }
    }

    /// <summary>B stored as [N, K]: dot products of contiguous vectors, two columns of B at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns<S, V>(in Gemm.Operands o, float* rows, long start, long end) where S : struct, ISimd<V>
    {
        long whole = o.K / S.Count * S.Count;
        for (long column = start; column < end; column++)
        {
            float* b = o.B + column * o.ColumnStrideB;
            float* bNext = column + 1 < end ? b + o.ColumnStrideB : b;
            for (long row = 0; row < o.M; row++)
            {
                float* a = rows + row * o.K;
                V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero, next0 = S.Zero, next1 = S.Zero, next2 = S.Zero,
                    next3 = S.Zero;
                long k = 0;
                for (; k + 4 * S.Count <= whole; k += 4 * S.Count)
                {
                    V a0 = S.Load(a + k), a1 = S.Load(a + k + S.Count), a2 = S.Load(a + k + 2 * S.Count), a3 = S.Load(a + k + 3 * S.Count);
                    sum0 = S.MultiplyAdd(a0, S.Load(b + k), sum0);
                    sum1 = S.MultiplyAdd(a1, S.Load(b + k + S.Count), sum1);
                    sum2 = S.MultiplyAdd(a2, S.Load(b + k + 2 * S.Count), sum2);
                    sum3 = S.MultiplyAdd(a3, S.Load(b + k + 3 * S.Count), sum3);
                    next0 = S.MultiplyAdd(a0, S.Load(bNext + k), next0);
                    next1 = S.MultiplyAdd(a1, S.Load(bNext + k + S.Count), next1);
                    next2 = S.MultiplyAdd(a2, S.Load(bNext + k + 2 * S.Count), next2);
                    next3 = S.MultiplyAdd(a3, S.Load(bNext + k + 3 * S.Count), next3);
                }
                for (; k < whole; k += S.Count)
                {
                    V value = S.Load(a + k);
                    sum0 = S.MultiplyAdd(value, S.Load(b + k), sum0);
                    next0 = S.MultiplyAdd(value, S.Load(bNext + k), next0);
                }
                if (k < o.K)
                {
                    V value = S.LoadPartial(a + k, o.K - k, 0);
                    sum1 = S.MultiplyAdd(value, S.LoadPartial(b + k, o.K - k, 0), sum1);
                    next1 = S.MultiplyAdd(value, S.LoadPartial(bNext + k, o.K - k, 0), next1);
                }
                Finish(o, row, column, S.Sum(S.Add(S.Add(sum0, sum1), S.Add(sum2, sum3))));
                if (bNext != b)
                    Finish(o, row, column + 1, S.Sum(S.Add(S.Add(next0, next1), S.Add(next2, next3))));
            }
            if (bNext != b)
                column++;
        }
    }

    /// <summary>B stored as [K, N]: up to eight vectors of neighbouring columns, down all rows of B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows<S, V>(in Gemm.Operands o, float* rows, long start, long end) where S : struct, ISimd<V>
    {
        if (o.M == 1 && end - start == 8 * S.Count)
        {
            V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero, sum4 = S.Zero, sum5 = S.Zero, sum6 = S.Zero, sum7 = S.Zero;
            float* b = o.B + start;
            for (long k = 0; k < o.K; k++, b += o.DepthStrideB)
            {
                V a = S.Create(rows[k]);
                sum0 = S.MultiplyAdd(a, S.Load(b), sum0);
                sum1 = S.MultiplyAdd(a, S.Load(b + S.Count), sum1);
                sum2 = S.MultiplyAdd(a, S.Load(b + 2 * S.Count), sum2);
                sum3 = S.MultiplyAdd(a, S.Load(b + 3 * S.Count), sum3);
                sum4 = S.MultiplyAdd(a, S.Load(b + 4 * S.Count), sum4);
                sum5 = S.MultiplyAdd(a, S.Load(b + 5 * S.Count), sum5);
                sum6 = S.MultiplyAdd(a, S.Load(b + 6 * S.Count), sum6);
                sum7 = S.MultiplyAdd(a, S.Load(b + 7 * S.Count), sum7);
            }
            FinishVector<S, V>(o, 0, start, sum0);
            FinishVector<S, V>(o, 0, start + S.Count, sum1);
            FinishVector<S, V>(o, 0, start + 2 * S.Count, sum2);
            FinishVector<S, V>(o, 0, start + 3 * S.Count, sum3);
            FinishVector<S, V>(o, 0, start + 4 * S.Count, sum4);
            FinishVector<S, V>(o, 0, start + 5 * S.Count, sum5);
            FinishVector<S, V>(o, 0, start + 6 * S.Count, sum6);
            FinishVector<S, V>(o, 0, start + 7 * S.Count, sum7);
            return;
        }
        float* a0 = rows, a1 = rows + o.K, a2 = rows + 2 * o.K, a3 = rows + 3 * o.K;
        for (long column = start; column < end; column += S.Count)
        {
            long lanes = Math.Min(S.Count, end - column);
            V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero;
            float* b = o.B + column;
            for (long k = 0; k < o.K; k++, b += o.DepthStrideB)
            {
                V value = lanes == S.Count ? S.Load(b) : S.LoadPartial(b, lanes, 0);
                sum0 = S.MultiplyAdd(S.Create(a0[k]), value, sum0);
                sum1 = S.MultiplyAdd(S.Create(a1[k]), value, sum1);
                sum2 = S.MultiplyAdd(S.Create(a2[k]), value, sum2);
                sum3 = S.MultiplyAdd(S.Create(a3[k]), value, sum3);
            }
            FinishVector<S, V>(o, 0, column, sum0);
            FinishVector<S, V>(o, 1, column, sum1);
            FinishVector<S, V>(o, 2, column, sum2);
            FinishVector<S, V>(o, 3, column, sum3);
        }
    }

    private static void Finish(in Gemm.Operands o, long row, long column, float sum)
    {
        float* c = o.C + row * o.Ldc + column;
        *c = sum + (o.Accumulate ? *c : 0) + (o.Bias == null ? 0 : o.Bias[column]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FinishVector<S, V>(in Gemm.Operands o, long row, long column, V sum) where S : struct, ISimd<V>
    {
        long lanes = Math.Min(S.Count, o.N - column);
        if (row >= o.M || lanes <= 0)
            return;
        float* c = o.C + row * o.Ldc + column;
        if (o.Accumulate)
            sum = S.Add(sum, S.LoadPartial(c, lanes, 0));
        if (o.Bias != null)
            sum = S.Add(sum, S.LoadPartial(o.Bias + column, lanes, 0));
        S.StorePartial(sum, c, lanes);
    }
}
