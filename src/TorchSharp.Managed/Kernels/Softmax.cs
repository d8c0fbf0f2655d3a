using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Softmax and its logarithm over the last dimension of contiguous [rows, columns]. The maximum of each row is subtracted first; a row with
/// NaN or +Inf, or of -Inf only, comes out as NaN.
/// </summary>
internal static unsafe class Softmax
{
    private const long ElementsPerTask = 1 << 15;

    /// <summary>y = exp(x) / sum(exp(x)); y may be x.</summary>
    public static void Forward(long rows, long columns, float* x, float* y) => ForEachRow(rows, columns, row =>
    {
        float* source = x + row * columns, target = y + row * columns;
        switch (Simd.Active)
        {
            case InstructionSet.Avx512:
                ForwardRow<Simd512, Vector512<float>>(columns, source, target);
                break;
            case InstructionSet.Avx2:
                ForwardRow<Simd256, Vector256<float>>(columns, source, target);
                break;
            case InstructionSet.Portable:
                ForwardRow<Simd128, Vector128<float>>(columns, source, target);
                break;
            default:
                double sum = LogSumExpPlain(columns, source);
                for (long i = 0; i < columns; i++)
                    target[i] = (float)Math.Exp(source[i] - sum);
                break;
        }
    });

    /// <summary>dx = y * (dy - sum(y dy)); dx may be dy.</summary>
    public static void Backward(long rows, long columns, float* y, float* dy, float* dx) => ForEachRow(rows, columns, row =>
    {
        float* output = y + row * columns, gradient = dy + row * columns, target = dx + row * columns;
        switch (Simd.Active)
        {
            case InstructionSet.Avx512:
                BackwardRow<Simd512, Vector512<float>>(columns, output, gradient, target);
                break;
            case InstructionSet.Avx2:
                BackwardRow<Simd256, Vector256<float>>(columns, output, gradient, target);
                break;
            case InstructionSet.Portable:
                BackwardRow<Simd128, Vector128<float>>(columns, output, gradient, target);
                break;
            default:
                double sum = 0;
                for (long i = 0; i < columns; i++)
                    sum += (double)output[i] * gradient[i];
                for (long i = 0; i < columns; i++)
                    target[i] = (float)(output[i] * (gradient[i] - sum));
                break;
        }
    });

    /// <summary>y = x - log(sum(exp(x))); y may be x.</summary>
    public static void LogForward(long rows, long columns, float* x, float* y) => ForEachRow(rows, columns, row =>
    {
        double sum = LogSumExp(columns, x + row * columns);
        for (long i = row * columns; i < (row + 1) * columns; i++)
            y[i] = (float)(x[i] - sum);
    });

    /// <summary>dx = dy - exp(y) * sum(dy); dx may be dy.</summary>
    public static void LogBackward(long rows, long columns, float* y, float* dy, float* dx) => ForEachRow(rows, columns, row =>
    {
        float* output = y + row * columns, gradient = dy + row * columns, target = dx + row * columns;
        switch (Simd.Active)
        {
            case InstructionSet.Avx512:
                LogBackwardRow<Simd512, Vector512<float>>(columns, output, gradient, target);
                break;
            case InstructionSet.Avx2:
                LogBackwardRow<Simd256, Vector256<float>>(columns, output, gradient, target);
                break;
            case InstructionSet.Portable:
                LogBackwardRow<Simd128, Vector128<float>>(columns, output, gradient, target);
                break;
            default:
                double sum = 0;
                for (long i = 0; i < columns; i++)
                    sum += gradient[i];
                for (long i = 0; i < columns; i++)
                    target[i] = (float)(gradient[i] - Math.Exp(output[i]) * sum);
                break;
        }
    });

    /// <summary>log(sum(exp(x))) of one row, in double.</summary>
    public static double LogSumExp(long columns, float* x) => Simd.Active switch
    {
        InstructionSet.Avx512 => LogSumExpFast<Simd512, Vector512<float>>(columns, x),
        InstructionSet.Avx2 => LogSumExpFast<Simd256, Vector256<float>>(columns, x),
        InstructionSet.Portable => LogSumExpFast<Simd128, Vector128<float>>(columns, x),
        _ => LogSumExpPlain(columns, x),
    };

    private static double LogSumExpPlain(long columns, float* x)
    {
        float maximum = float.NegativeInfinity;
        for (long i = 0; i < columns; i++)
            maximum = Math.Max(maximum, x[i]);
        double sum = 0;
        for (long i = 0; i < columns; i++)
            sum += Math.Exp((double)x[i] - maximum);
        return maximum + Math.Log(sum);
    }

    private static double LogSumExpFast<S, V>(long columns, float* x) where S : struct, ISimd<V>
    {
        float maximum = VectorMath.Maximum<S, V>(columns, x);
        return maximum + Math.Log(VectorMath.SumOfExponentials<S, V>(columns, x, maximum));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRow<S, V>(long columns, float* x, float* y) where S : struct, ISimd<V>
    {
        float maximum = VectorMath.Maximum<S, V>(columns, x);
        V shift = S.Create(maximum);
        double total = VectorMath.SumOfExponentials<S, V>(columns, x, maximum);
        V factor = S.Create((float)(1 / total));
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V power = VectorMath.Exp<S, V>(S.Subtract(VectorMath.Load<S, V>(x + i, lanes), shift));
            VectorMath.Store<S, V>(S.Multiply(power, factor), y + i, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<S, V>(long columns, float* y, float* dy, float* dx) where S : struct, ISimd<V>
    {
        V sum = S.Create((float)VectorMath.Dot<S, V>(columns, y, dy));
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V gradient = S.Subtract(VectorMath.Load<S, V>(dy + i, lanes), sum);
            VectorMath.Store<S, V>(S.Multiply(VectorMath.Load<S, V>(y + i, lanes), gradient), dx + i, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LogBackwardRow<S, V>(long columns, float* y, float* dy, float* dx) where S : struct, ISimd<V>
    {
        V negatedSum = S.Create(-(float)VectorMath.Sum<S, V>(columns, dy));
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V probability = VectorMath.Exp<S, V>(VectorMath.Load<S, V>(y + i, lanes));
            VectorMath.Store<S, V>(S.MultiplyAdd(probability, negatedSum, VectorMath.Load<S, V>(dy + i, lanes)), dx + i, lanes);
        }
    }

    private static void ForEachRow(long rows, long columns, Action<long> body) =>
        WorkerPool.ForRange(rows, Math.Max(1, ElementsPerTask / Math.Max(1, columns)), (start, end, _) =>
        {
            for (long row = start; row < end; row++)
                body(row);
        });
}
