using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// The product of one row with a matrix, as in text that is written token by token: y = x B (+ bias). It is bound by reading B, so B is read once, in
/// the order in which it lies in memory, by all threads. libtorch's products of one row come to half of what memory gives.
/// </summary>
internal static unsafe class RowProduct
{
    // Large enough that handing it out costs nothing beside reading it.
    private const long ElementsPerTask = 1 << 16;

    /// <summary>Whether a product is one that this computes: one row of 32-bit floats on the processor, with no gradient to be recorded.</summary>
    public static bool Fits(Tensor x, Tensor matrix) => x.numel() == x.shape[^1] && !is_grad_enabled()
        && x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && matrix.dtype == ScalarType.Float32;

    /// <summary>x B + bias.</summary>
    /// <param name="x">K floats, of any shape.</param>
    /// <param name="matrix">[K, N], or its transpose [N, K], contiguous.</param>
    /// <param name="bias">[N]; null is none.</param>
    /// <returns>[N].</returns>
    public static Tensor Run(Tensor x, Tensor matrix, bool isTransposed, Tensor? bias)
    {
        (long depth, long columns) = isTransposed ? (matrix.shape[1], matrix.shape[0]) : (matrix.shape[0], matrix.shape[1]);
        if (x.numel() != depth || bias is not null && bias.numel() != columns)
            throw new ArgumentException(
                $"A row of {x.numel()} with a matrix of {depth} x {columns} and a bias of {bias?.numel() ?? columns}; expected {depth} and {columns}.");
        using Tensor row = x.contiguous();
        Tensor result = empty(columns);
        float* source = TensorMemory.Of(row), b = TensorMemory.Of(matrix), target = TensorMemory.Of(result), shift = bias is null ? null : TensorMemory.Of(bias);
        switch (Simd.Active)
        {
            case InstructionSet.Avx512:
                Run<Simd512, Vector512<float>>(isTransposed, depth, columns, source, b, shift, target);
                break;
            case InstructionSet.Avx2:
                Run<Simd256, Vector256<float>>(isTransposed, depth, columns, source, b, shift, target);
                break;
            case InstructionSet.Portable:
                Run<Simd128, Vector128<float>>(isTransposed, depth, columns, source, b, shift, target);
                break;
            default:
                RunPlain(isTransposed, depth, columns, source, b, shift, target);
                break;
        }
        GC.KeepAlive(matrix);
        GC.KeepAlive(bias);
        return result;
    }

    private static void Run<S, V>(bool isTransposed, long depth, long columns, float* x, float* b, float* bias, float* y) where S : struct, ISimd<V>
    {
        if (isTransposed)
            WorkerPool.ForRange(columns, Math.Max(1, ElementsPerTask / Math.Max(1, depth)), (start, end, _) => Dots<S, V>(depth, x, b, bias, y, start, end));
        else
            WorkerPool.ForRange(columns, 8 * S.Count, (start, end, _) => Sums<S, V>(depth, columns, x, b, bias, y, start, end));
    }

    /// <summary>The matrix as [N, K]: a dot product for each of its rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<S, V>(long depth, float* x, float* b, float* bias, float* y, long start, long end) where S : struct, ISimd<V>
    {
        long whole = depth / S.Count * S.Count;
        for (long column = start; column < end; column++)
        {
            float* row = b + column * depth;
            V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero;
            long k = 0;
            for (; k + 4 * S.Count <= whole; k += 4 * S.Count)
            {
                sum0 = S.MultiplyAdd(S.Load(x + k), S.Load(row + k), sum0);
                sum1 = S.MultiplyAdd(S.Load(x + k + S.Count), S.Load(row + k + S.Count), sum1);
                sum2 = S.MultiplyAdd(S.Load(x + k + 2 * S.Count), S.Load(row + k + 2 * S.Count), sum2);
                sum3 = S.MultiplyAdd(S.Load(x + k + 3 * S.Count), S.Load(row + k + 3 * S.Count), sum3);
            }
            for (; k < whole; k += S.Count)
                sum0 = S.MultiplyAdd(S.Load(x + k), S.Load(row + k), sum0);
            if (k < depth)
                sum1 = S.MultiplyAdd(S.LoadPartial(x + k, depth - k, 0), S.LoadPartial(row + k, depth - k, 0), sum1);
            y[column] = S.Sum(S.Add(S.Add(sum0, sum1), S.Add(sum2, sum3))) + (bias == null ? 0 : bias[column]);
        }
    }

    /// <summary>The matrix as [K, N]: up to eight vectors of neighbouring columns, down all its rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sums<S, V>(long depth, long columns, float* x, float* b, float* bias, float* y, long start, long end) where S : struct, ISimd<V>
    {
        if (end - start < 8 * S.Count)
        {
            for (long column = start; column < end; column += S.Count)
            {
                long lanes = Math.Min(S.Count, end - column);
                V sum = bias == null ? S.Zero : VectorMath.Load<S, V>(bias + column, lanes);
                for (long k = 0; k < depth; k++)
                    sum = S.MultiplyAdd(S.Create(x[k]), VectorMath.Load<S, V>(b + k * columns + column, lanes), sum);
                VectorMath.Store<S, V>(sum, y + column, lanes);
            }
            return;
        }
        V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero, sum4 = S.Zero, sum5 = S.Zero, sum6 = S.Zero, sum7 = S.Zero;
        float* row = b + start;
        for (long k = 0; k < depth; k++, row += columns)
        {
            V a = S.Create(x[k]);
            sum0 = S.MultiplyAdd(a, S.Load(row), sum0);
            sum1 = S.MultiplyAdd(a, S.Load(row + S.Count), sum1);
            sum2 = S.MultiplyAdd(a, S.Load(row + 2 * S.Count), sum2);
            sum3 = S.MultiplyAdd(a, S.Load(row + 3 * S.Count), sum3);
            sum4 = S.MultiplyAdd(a, S.Load(row + 4 * S.Count), sum4);
            sum5 = S.MultiplyAdd(a, S.Load(row + 5 * S.Count), sum5);
            sum6 = S.MultiplyAdd(a, S.Load(row + 6 * S.Count), sum6);
            sum7 = S.MultiplyAdd(a, S.Load(row + 7 * S.Count), sum7);
        }
        Finish<S, V>(sum0, bias, y, start);
        Finish<S, V>(sum1, bias, y, start + S.Count);
        Finish<S, V>(sum2, bias, y, start + 2 * S.Count);
        Finish<S, V>(sum3, bias, y, start + 3 * S.Count);
        Finish<S, V>(sum4, bias, y, start + 4 * S.Count);
        Finish<S, V>(sum5, bias, y, start + 5 * S.Count);
        Finish<S, V>(sum6, bias, y, start + 6 * S.Count);
        Finish<S, V>(sum7, bias, y, start + 7 * S.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<S, V>(V sum, float* bias, float* y, long column) where S : struct, ISimd<V> =>
        S.Store(bias == null ? sum : S.Add(sum, S.Load(bias + column)), y + column);

    private static void RunPlain(bool isTransposed, long depth, long columns, float* x, float* b, float* bias, float* y)
    {
        for (long column = 0; column < columns; column++)
        {
            double sum = bias == null ? 0 : bias[column];
            for (long k = 0; k < depth; k++)
                sum += (double)x[k] * (isTransposed ? b[column * depth + k] : b[k * columns + column]);
            y[column] = (float)sum;
        }
    }
}
