namespace WebDistill.Web.Sweeps;

/// <summary>The mean of a sample and how far the true mean may lie from it.</summary>
/// <param name="Count">n.</param>
/// <param name="Mean">x̄ = Σx / n.</param>
/// <param name="StandardDeviation">s = √(Σ(x - x̄)² / (n - 1)); null for n = 1, and where a value is not finite: nothing can be claimed of
/// how far from it the others lie.</param>
/// <param name="HalfWidth">t·s / √n with t the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom: the true mean
/// of normal values lies within it in 95 % of samples. Null where the deviation is.</param>
public sealed record SampleMean(int Count, double Mean, double? StandardDeviation, double? HalfWidth)
{
    private const double Confidence = 0.95;

    /// <summary>The mean of these values; null of none.</summary>
    public static SampleMean? Of(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
            return null;
        double mean = values.Average();
        if (values.Count == 1 || !double.IsFinite(mean))
            return new SampleMean(values.Count, mean, null, null);
        double deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
        return new SampleMean(values.Count, mean, deviation, TwoSidedQuantile(values.Count - 1) * deviation / Math.Sqrt(values.Count));
    }

    /// <summary>The t for which 95 % of Student's distribution lies between -t and t.</summary>
    internal static double TwoSidedQuantile(int degreesOfFreedom)
    {
        double below = 0, above = 1;
        while (Within(above, degreesOfFreedom) < Confidence)
            above *= 2;
        for (int i = 0; i < 100; i++)
        {
            double middle = (below + above) / 2;
            (below, above) = Within(middle, degreesOfFreedom) < Confidence ? (middle, above) : (below, middle);
        }
        return above;
    }

    // The share between -t and t, a finite sum for whole degrees of freedom: Abramowitz and Stegun 26.7.3 and 26.7.4.
    private static double Within(double t, int degreesOfFreedom)
    {
        double angle = Math.Atan(t / Math.Sqrt(degreesOfFreedom)), cosine = Math.Cos(angle), squared = cosine * cosine;
        bool odd = degreesOfFreedom % 2 == 1;
        double term = odd ? cosine : 1, sum = 0;
        for (int k = odd ? 1 : 0; k <= degreesOfFreedom - 2; k += 2)
        {
            sum += term;
            term *= squared * (k + 1) / (k + 2);
        }
        return odd ? 2 / Math.PI * (angle + (Math.Sin(angle) * sum)) : Math.Sin(angle) * sum;
    }
}
