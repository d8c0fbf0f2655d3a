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

    /// <summary>y = gelu(x); y may be x.</summary>
    public static void Forward(long count, float* x, float* y, GeluApproximation approximation) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                y[i] = (float)Value(x[i], approximation);
        });

    /// <summary>dx = dy * gelu'(x); dx may be dy.</summary>
    public static void Backward(long count, float* x, float* dy, float* dx, GeluApproximation approximation) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                dx[i] = (float)(dy[i] * Derivative(x[i], approximation));
        });

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
