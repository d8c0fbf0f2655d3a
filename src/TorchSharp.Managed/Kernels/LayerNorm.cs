using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Layer normalisation over the last dimension (Ba, Kiros and Hinton, 2016): y = (x - mean) / sqrt(variance + eps) * weight + bias, with
/// the biased variance of each row. x, y: [rows, columns] contiguous; weight, bias: [columns] or null; mean, inverseDeviation: [rows], for
/// backward.
/// </summary>
internal static unsafe class LayerNorm
{
    private const long RowGrain = 32;
    private const long LargestPartialCount = 64;
    private const long ColumnGrain = 256;

    /// <summary>y, mean and inverseDeviation = 1 / sqrt(variance + eps) of every row; mean and inverseDeviation may be null.</summary>
    public static void Forward(long rows, long columns, float* x, float* weight, float* bias, float epsilon, float* y, float* mean,
        float* inverseDeviation) =>
        WorkerPool.ForRange(rows, RowGrain, (start, end, _) =>
        {
            for (long row = start; row < end; row++)
            {
                float* source = x + row * columns, target = y + row * columns;
                (float average, float scale) = Simd.Active switch
                {
                    InstructionSet.Avx512 => ForwardRow<Simd512, Vector512<float>>(columns, source, weight, bias, epsilon, target),
                    InstructionSet.Avx2 => ForwardRow<Simd256, Vector256<float>>(columns, source, weight, bias, epsilon, target),
                    InstructionSet.Portable => ForwardRow<Simd128, Vector128<float>>(columns, source, weight, bias, epsilon, target),
                    _ => ForwardRowPlain(columns, source, weight, bias, epsilon, target),
                };
                if (mean != null)
                    mean[row] = average;
                if (inverseDeviation != null)
                    inverseDeviation[row] = scale;
            }
        });

    /// <summary>
    /// With h = (x - mean) * inverseDeviation and g = dy * weight: dx = inverseDeviation * (g - mean(g) - h * mean(g h)), dWeight = sum
    /// over rows of dy h, dBias = sum over rows of dy. Each of dx, dWeight, dBias may be null; all are overwritten.
    /// </summary>
    public static void Backward(long rows, long columns, float* dy, float* x, float* weight, float* mean, float* inverseDeviation,
        float* dx, float* dWeight, float* dBias)
    {
        // One partial sum of dWeight and dBias for each fixed block of rows, added in order: the same bits with any number of threads.
        long grain = Math.Max(RowGrain, (rows + LargestPartialCount - 1) / LargestPartialCount);
        long blocks = (rows + grain - 1) / grain;
        float* partialWeight = dWeight == null ? null : BufferPool.RentFloats(blocks * columns, zero: true);
        float* partialBias = dBias == null ? null : BufferPool.RentFloats(blocks * columns, zero: true);
        WorkerPool.ForRange(rows, grain, (start, end, _) =>
        {
            float* blockWeight = partialWeight == null ? null : partialWeight + start / grain * columns;
            float* blockBias = partialBias == null ? null : partialBias + start / grain * columns;
            for (long row = start; row < end; row++)
            {
                float* gradient = dy + row * columns, source = x + row * columns, target = dx == null ? null : dx + row * columns;
                switch (Simd.Active)
                {
                    case InstructionSet.Avx512:
                        BackwardRow<Simd512, Vector512<float>>(columns, gradient, source, weight, mean[row], inverseDeviation[row], target,
                            blockWeight, blockBias);
                        break;
                    case InstructionSet.Avx2:
                        BackwardRow<Simd256, Vector256<float>>(columns, gradient, source, weight, mean[row], inverseDeviation[row], target,
                            blockWeight, blockBias);
                        break;
                    case InstructionSet.Portable:
                        BackwardRow<Simd128, Vector128<float>>(columns, gradient, source, weight, mean[row], inverseDeviation[row], target,
                            blockWeight, blockBias);
                        break;
                    default:
                        BackwardRowPlain(columns, gradient, source, weight, mean[row], inverseDeviation[row], target, blockWeight,
                            blockBias);
                        break;
                }
            }
        });
        if (dWeight != null)
            ColumnSum.Run(blocks, columns, partialWeight, columns, dWeight);
        if (dBias != null)
            ColumnSum.Run(blocks, columns, partialBias, columns, dBias);
        BufferPool.Return(partialWeight);
        BufferPool.Return(partialBias);
    }

    private static (float Mean, float InverseDeviation) ForwardRowPlain(long columns, float* x, float* weight, float* bias, float epsilon,
        float* y)
    {
        double sum = 0, squares = 0;
        for (long i = 0; i < columns; i++)
            sum += x[i];
        double average = sum / columns;
        for (long i = 0; i < columns; i++)
            squares += (x[i] - average) * (x[i] - average);
        double scale = 1 / Math.Sqrt(squares / columns + epsilon);
        for (long i = 0; i < columns; i++)
            y[i] = (float)((x[i] - average) * scale * (weight == null ? 1 : weight[i]) + (bias == null ? 0 : bias[i]));
        return ((float)average, (float)scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Mean, float InverseDeviation) ForwardRow<S, V>(long columns, float* x, float* weight, float* bias, float epsilon,
        float* y)
        where S : struct, ISimd<V>
    {
        float average = (float)(VectorMath.Sum<S, V>(columns, x) / columns);
        V mean = S.Create(average), squares = S.Zero;
        for (long i = 0; i < columns; i += S.Count)
        {
            V centred = S.Subtract(VectorMath.Load<S, V>(x + i, columns - i, average), mean);
            squares = S.MultiplyAdd(centred, centred, squares);
        }
        float inverseDeviation = (float)(1 / Math.Sqrt(S.SumInDouble(squares) / columns + epsilon));
        V scale = S.Create(inverseDeviation);
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V value = S.Multiply(S.Subtract(VectorMath.Load<S, V>(x + i, lanes), mean), scale);
            V shift = bias == null ? S.Zero : VectorMath.Load<S, V>(bias + i, lanes);
            value = weight == null ? S.Add(value, shift) : S.MultiplyAdd(value, VectorMath.Load<S, V>(weight + i, lanes), shift);
            VectorMath.Store<S, V>(value, y + i, lanes);
        }
        return (average, inverseDeviation);
    }

    private static void BackwardRowPlain(long columns, float* dy, float* x, float* weight, float mean, float inverseDeviation,
        float* dx, float* dWeight, float* dBias)
    {
        double sum = 0, product = 0;
        for (long i = 0; i < columns; i++)
        {
            double h = ((double)x[i] - mean) * inverseDeviation;
            double g = dy[i] * (weight == null ? 1.0 : weight[i]);
            sum += g;
            product += g * h;
            if (dWeight != null)
                dWeight[i] += (float)(dy[i] * h);
            if (dBias != null)
                dBias[i] += dy[i];
        }
        for (long i = 0; i < columns && dx != null; i++)
        {
            double h = ((double)x[i] - mean) * inverseDeviation;
            double g = dy[i] * (weight == null ? 1.0 : weight[i]);
            dx[i] = (float)(inverseDeviation * (g - sum / columns - h * product / columns));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<S, V>(long columns, float* dy, float* x, float* weight, float mean, float inverseDeviation,
        float* dx, float* dWeight, float* dBias) where S : struct, ISimd<V>
    {
        V average = S.Create(mean), scale = S.Create(inverseDeviation), sum = S.Zero, product = S.Zero;
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V h = S.Multiply(S.Subtract(VectorMath.Load<S, V>(x + i, lanes), average), scale);
            V gradient = VectorMath.Load<S, V>(dy + i, lanes);
            if (dWeight != null)
                VectorMath.Store<S, V>(S.MultiplyAdd(gradient, h, VectorMath.Load<S, V>(dWeight + i, lanes)), dWeight + i, lanes);
            if (dBias != null)
                VectorMath.Store<S, V>(S.Add(gradient, VectorMath.Load<S, V>(dBias + i, lanes)), dBias + i, lanes);
            V g = weight == null ? gradient : S.Multiply(gradient, VectorMath.Load<S, V>(weight + i, lanes));
            sum = S.Add(sum, g);
            product = S.MultiplyAdd(g, h, product);
        }
        if (dx == null)
            return;
        V meanGradient = S.Create((float)(S.SumInDouble(sum) / columns)), meanProduct = S.Create((float)(S.SumInDouble(product) / columns));
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V h = S.Multiply(S.Subtract(VectorMath.Load<S, V>(x + i, lanes), average), scale);
            V g = VectorMath.Load<S, V>(dy + i, lanes);
            if (weight != null)
                g = S.Multiply(g, VectorMath.Load<S, V>(weight + i, lanes));
            V centred = S.Subtract(S.Subtract(g, meanGradient), S.Multiply(h, meanProduct));
            VectorMath.Store<S, V>(S.Multiply(centred, scale), dx + i, lanes);
        }
    }
}
