namespace TorchSharp.Kernels;

/// <summary>The Gauss error function erf(x) = 2 / sqrt(π) times the integral of exp(-t²) from 0 to x, in double precision.</summary>
internal static class ErrorFunction
{
    /// <summary>
    /// erf(x) to about 1e-15: below 3 by its Taylor series with only positive terms, erf(x) = 2 / sqrt(π) e^(-x²) Σ 2^n x^(2n+1) /
    /// (2n+1)!!, above by the continued fraction of erfc (Abramowitz and Stegun 7.1.6, 7.1.14).
    /// </summary>
    public static double Value(double x)
    {
        if (double.IsNaN(x))
            return x;
        double magnitude = Math.Abs(x);
        if (magnitude > 6)
            return Math.Sign(x);
        double factor = Math.Exp(-x * x) / Math.Sqrt(Math.PI);
        if (magnitude < 3)
        {
            double term = magnitude, sum = magnitude;
            for (int n = 1; term > sum * 1e-17; n++)
            {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            return Math.CopySign(2 * factor * sum, x);
        }
        double fraction = magnitude;
        for (int n = 60; n > 0; n--)
            fraction = magnitude + n / 2.0 / fraction;
        return Math.CopySign(1 - factor / fraction, x);
    }
}
