using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Gaussian error linear unit (Hendrycks and Gimpel 2016) over contiguous floats, in the form that GPT-2 has and Hugging Face calls gelu_new:
/// x / 2 (1 + tanh(√(2 / π) (x + 0.044715 x³))).
/// </summary>
internal static unsafe class GeluValues
{
    private const long Grain = 1 << 14;
    private const float TwiceRootTwoOverPi = 1.5957691216f;
    private const float Cubic = 0.044715f;
    private const float FarOut = 1e4f;

    /// <summary>y = gelu(x); y may be x.</summary>
    public static void Forward(long count, float* x, float* y) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    ForwardFast<Simd512, Vector512<float>>(end - start, x + start, y + start);
                    break;
                case InstructionSet.Avx2:
                    ForwardFast<Simd256, Vector256<float>>(end - start, x + start, y + start);
                    break;
                case InstructionSet.Portable:
                    ForwardFast<Simd128, Vector128<float>>(end - start, x + start, y + start);
                    break;
                default:
                    for (long i = start; i < end; i++)
                        y[i] = (float)Value(x[i]);
                    break;
            }
        });

    /// <summary>dx = dy * gelu'(x); dx may be dy.</summary>
    public static void Backward(long count, float* x, float* dy, float* dx) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    BackwardFast<Simd512, Vector512<float>>(end - start, x + start, dy + start, dx + start);
                    break;
                case InstructionSet.Avx2:
                    BackwardFast<Simd256, Vector256<float>>(end - start, x + start, dy + start, dx + start);
                    break;
                case InstructionSet.Portable:
                    BackwardFast<Simd128, Vector128<float>>(end - start, x + start, dy + start, dx + start);
                    break;
                default:
                    for (long i = start; i < end; i++)
                        dx[i] = (float)(dy[i] * Derivative(x[i]));
                    break;
            }
        });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardFast<S, V>(long count, float* x, float* y) where S : struct, ISimd<V>
    {
        for (long i = 0; i < count; i += S.Count)
        {
            V value = VectorMath.Load<S, V>(x + i, count - i);
            V result = S.Divide(value, S.Add(S.Create(1f), VectorMath.Exp<S, V>(NegatedArgument<S, V>(value))));
            VectorMath.Store<S, V>(result, y + i, count - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardFast<S, V>(long count, float* x, float* dy, float* dx)
        where S : struct, ISimd<V>
    {
        V one = S.Create(1f);
        for (long i = 0; i < count; i += S.Count)
        {
            V value = VectorMath.Load<S, V>(x + i, count - i);
            V sigmoid = S.Divide(one, S.Add(one, VectorMath.Exp<S, V>(NegatedArgument<S, V>(value))));
            V slope = S.Multiply(S.Create(TwiceRootTwoOverPi), S.MultiplyAdd(S.Create(3 * Cubic), S.Multiply(value, value), one));
            V side = S.Multiply(S.Multiply(sigmoid, S.Subtract(one, sigmoid)), S.Multiply(value, slope));
            // Far out the first factor is 0 and the second may overflow.
            V derivative = S.Select(S.LessThan(S.Absolute(value), S.Create(FarOut)), S.Add(sigmoid, side), sigmoid);
            VectorMath.Store<S, V>(S.Multiply(derivative, VectorMath.Load<S, V>(dy + i, count - i)), dx + i, count - i);
        }
    }

    /// <summary>-2 sqrt(2 / π) (x + 0.044715 x³): with it tanh's form is x / (1 + e^argument).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V NegatedArgument<S, V>(V x) where S : struct, ISimd<V> =>
        S.Multiply(S.Multiply(S.Create(-TwiceRootTwoOverPi), x), S.MultiplyAdd(S.Create(Cubic), S.Multiply(x, x), S.Create(1f)));

    private static double Value(double x) => x / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    private static double Derivative(double x)
    {
        double k = 2 * Math.Sqrt(2 / Math.PI);
        double s = 1 / (1 + Math.Exp(-k * (x + 0.044715 * x * x * x)));
        return s + x * s * (1 - s) * k * (1 + 3 * 0.044715 * x * x);
    }
}
