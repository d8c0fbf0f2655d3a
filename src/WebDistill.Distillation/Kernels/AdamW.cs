using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>The numbers of one AdamW update, common to all parameters of a group.</summary>
/// <param name="Step">Number of this update, 1 for the first.</param>
/// <param name="GradientScale">Factor on the gradient before use (clipping, averaging); 1 leaves it.</param>
internal readonly record struct AdamWSettings(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay,
    long Step, float GradientScale = 1);

/// <summary>
/// AdamW (Loshchilov and Hutter, 2019) as PyTorch computes it, fused over contiguous floats:
/// p *= 1 - lr * weightDecay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps).
/// </summary>
internal static unsafe class AdamW
{
    private const long Grain = 1 << 16;

    /// <summary>One update of parameters p with gradients g and moments m, v, each of <paramref name="count"/> floats.</summary>
    public static void Update(long count, float* p, float* g, float* m, float* v, AdamWSettings settings) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    UpdateFast<Simd512, Vector512<float>>(start, end, p, g, m, v, settings);
                    break;
                case InstructionSet.Avx2:
                    UpdateFast<Simd256, Vector256<float>>(start, end, p, g, m, v, settings);
                    break;
                case InstructionSet.Portable:
                    UpdateFast<Simd128, Vector128<float>>(start, end, p, g, m, v, settings);
                    break;
                default:
                    UpdatePlain(start, end, p, g, m, v, settings);
                    break;
            }
        });

    /// <summary>Σ x², in double; the same for any number of threads.</summary>
    public static double SumOfSquares(long count, float* x)
    {
        var sums = new double[(count + Grain - 1) / Grain];
        WorkerPool.ForRange(count, Grain, (start, end, _) => sums[start / Grain] = Simd.Active switch
        {
            InstructionSet.Avx512 => VectorMath.Dot<Simd512, Vector512<float>>(end - start, x + start, x + start),
            InstructionSet.Avx2 => VectorMath.Dot<Simd256, Vector256<float>>(end - start, x + start, x + start),
            InstructionSet.Portable => VectorMath.Dot<Simd128, Vector128<float>>(end - start, x + start, x + start),
            _ => SumOfSquaresPlain(start, end, x),
        });
        return sums.Sum();
    }

    private static double SumOfSquaresPlain(long start, long end, float* x)
    {
        double sum = 0;
        for (long i = start; i < end; i++)
            sum += (double)x[i] * x[i];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void UpdateFast<S, V>(long start, long end, float* p, float* g, float* m, float* v, in AdamWSettings settings)
        where S : struct, ISimd<V>
    {
        V rootCorrection = S.Create((float)Math.Sqrt(1 - Math.Pow(settings.Beta2, settings.Step)));
        V negatedStep = S.Create((float)(-settings.LearningRate / (1 - Math.Pow(settings.Beta1, settings.Step))));
        V decay = S.Create((float)(1 - settings.LearningRate * settings.WeightDecay));
        V scale = S.Create(settings.GradientScale), epsilon = S.Create((float)settings.Epsilon);
        V oneMinusBeta1 = S.Create((float)(1 - settings.Beta1)), beta2 = S.Create((float)settings.Beta2),
            oneMinusBeta2 = S.Create((float)(1 - settings.Beta2));
        for (long i = start; i < end; i += S.Count)
        {
            long lanes = end - i;
            V gradient = S.Multiply(VectorMath.Load<S, V>(g + i, lanes), scale);
            V first = VectorMath.Load<S, V>(m + i, lanes), second = VectorMath.Load<S, V>(v + i, lanes);
            first = S.MultiplyAdd(S.Subtract(gradient, first), oneMinusBeta1, first);
            second = S.MultiplyAdd(second, beta2, S.Multiply(S.Multiply(gradient, gradient), oneMinusBeta2));
            VectorMath.Store<S, V>(first, m + i, lanes);
            VectorMath.Store<S, V>(second, v + i, lanes);
            V denominator = S.Add(S.Divide(S.SquareRoot(second), rootCorrection), epsilon);
            V parameter = S.Multiply(VectorMath.Load<S, V>(p + i, lanes), decay);
            VectorMath.Store<S, V>(S.MultiplyAdd(negatedStep, S.Divide(first, denominator), parameter), p + i, lanes);
        }
    }

    private static void UpdatePlain(long start, long end, float* p, float* g, float* m, float* v, in AdamWSettings settings)
    {
        double correction1 = 1 - Math.Pow(settings.Beta1, settings.Step);
        double correction2 = Math.Sqrt(1 - Math.Pow(settings.Beta2, settings.Step));
        float decay = (float)(1 - settings.LearningRate * settings.WeightDecay);
        float stepSize = (float)(settings.LearningRate / correction1);
        for (long i = start; i < end; i++)
        {
            float gradient = g[i] * settings.GradientScale;
            m[i] += (gradient - m[i]) * (float)(1 - settings.Beta1);
            v[i] = v[i] * (float)settings.Beta2 + gradient * gradient * (float)(1 - settings.Beta2);
            p[i] = p[i] * decay - stepSize * m[i] / (MathF.Sqrt(v[i]) / (float)correction2 + (float)settings.Epsilon);
        }
    }
}
