using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>The two definitions of the Gaussian error linear unit.</summary>
internal enum GeluApproximation
{
    /// <summary>x Φ(x) = x / 2 (1 + erf(x / sqrt 2)).</summary>
    None,

    /// <summary>x / 2 (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))): GPT-2's gelu_new.</summary>
    Tanh,
}

/// <summary>Gaussian error linear unit (Hendrycks and Gimpel, 2016), forward and backward, over contiguous floats.</summary>
internal static unsafe class Gelu
{
    private const long Grain = 1 << 14;
    private const float TwiceRootTwoOverPi = 1.5957691216f;
    private const float Cubic = 0.044715f;
    private const float InverseRootTwoPi = 0.3989422804f;
    private const float FarOut = 1e4f;

    /// <summary>y = gelu(x); y may be x.</summary>
    public static void Forward(long count, float* x, float* y, GeluApproximation approximation) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    ForwardFast<Simd512, Vector512<float>>(end - start, x + start, y + start, approximation);
                    break;
                case InstructionSet.Avx2:
                    ForwardFast<Simd256, Vector256<float>>(end - start, x + start, y + start, approximation);
                    break;
                case InstructionSet.Portable:
                    ForwardFast<Simd128, Vector128<float>>(end - start, x + start, y + start, approximation);
                    break;
                default:
                    for (long i = start; i < end; i++)
                        y[i] = (float)Value(x[i], approximation);
                    break;
            }
        });

    /// <summary>dx = dy * gelu'(x); dx may be dy.</summary>
    public static void Backward(long count, float* x, float* dy, float* dx, GeluApproximation approximation) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    BackwardFast<Simd512, Vector512<float>>(end - start, x + start, dy + start, dx + start, approximation);
                    break;
                case InstructionSet.Avx2:
                    BackwardFast<Simd256, Vector256<float>>(end - start, x + start, dy + start, dx + start, approximation);
                    break;
                case InstructionSet.Portable:
                    BackwardFast<Simd128, Vector128<float>>(end - start, x + start, dy + start, dx + start, approximation);
                    break;
                default:
                    for (long i = start; i < end; i++)
                        dx[i] = (float)(dy[i] * Derivative(x[i], approximation));
                    break;
            }
        });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardFast<S, V>(long count, float* x, float* y, GeluApproximation approximation) where S : struct, ISimd<V>
    {
        for (long i = 0; i < count; i += S.Count)
        {
            V value = VectorMath.Load<S, V>(x + i, count - i);
            V result = approximation == GeluApproximation.Tanh
                ? S.Divide(value, S.Add(S.Create(1f), VectorMath.Exp<S, V>(NegatedArgument<S, V>(value))))
                : S.Multiply(value, NormalCumulative<S, V>(value));
            VectorMath.Store<S, V>(result, y + i, count - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardFast<S, V>(long count, float* x, float* dy, float* dx, GeluApproximation approximation)
        where S : struct, ISimd<V>
    {
        V one = S.Create(1f);
        for (long i = 0; i < count; i += S.Count)
        {
            V value = VectorMath.Load<S, V>(x + i, count - i);
            V derivative;
            if (approximation == GeluApproximation.Tanh)
            {
                V sigmoid = S.Divide(one, S.Add(one, VectorMath.Exp<S, V>(NegatedArgument<S, V>(value))));
                V slope = S.Multiply(S.Create(TwiceRootTwoOverPi), S.MultiplyAdd(S.Create(3 * Cubic), S.Multiply(value, value), one));
                V side = S.Multiply(S.Multiply(sigmoid, S.Subtract(one, sigmoid)), S.Multiply(value, slope));
                // Far out the first factor is 0 and the second may overflow.
                derivative = S.Select(S.LessThan(S.Absolute(value), S.Create(FarOut)), S.Add(sigmoid, side), sigmoid);
            }
            else
            {
                V density = S.Multiply(S.Create(InverseRootTwoPi),
                    VectorMath.Exp<S, V>(S.Multiply(S.Create(-0.5f), S.Multiply(value, value))));
                derivative = S.MultiplyAdd(value, density, NormalCumulative<S, V>(value));
            }
            VectorMath.Store<S, V>(S.Multiply(derivative, VectorMath.Load<S, V>(dy + i, count - i)), dx + i, count - i);
        }
    }

    /// <summary>-2 sqrt(2 / π) (x + 0.044715 x³): with it tanh's form is x / (1 + e^argument).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V NegatedArgument<S, V>(V x) where S : struct, ISimd<V> =>
        S.Multiply(S.Multiply(S.Create(-TwiceRootTwoOverPi), x), S.MultiplyAdd(S.Create(Cubic), S.Multiply(x, x), S.Create(1f)));

    /// <summary>Φ(x) = (1 + erf(x / sqrt 2)) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V NormalCumulative<S, V>(V x) where S : struct, ISimd<V> =>
        S.MultiplyAdd(S.Create(0.5f), VectorMath.Erf<S, V>(S.Multiply(x, S.Create(0.70710678f))), S.Create(0.5f));

    private static double Value(double x, GeluApproximation approximation) => approximation == GeluApproximation.Tanh
        ? x / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
        : 0.5 * x * (1 + ErrorFunction.Value(x / Math.Sqrt(2)));

    private static double Derivative(double x, GeluApproximation approximation)
    {
        if (approximation == GeluApproximation.None)
            return 0.5 * (1 + ErrorFunction.Value(x / Math.Sqrt(2))) + x * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
        double k = 2 * Math.Sqrt(2 / Math.PI);
        double s = 1 / (1 + Math.Exp(-k * (x + 0.044715 * x * x * x)));
        return s + x * s * (1 - s) * k * (1 + 3 * 0.044715 * x * x);
    }
}
