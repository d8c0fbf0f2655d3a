using MathNet.Numerics.Distributions;

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
    internal static double TwoSidedQuantile(int degreesOfFreedom) => StudentT.InvCDF(0, 1, degreesOfFreedom, (1 + Confidence) / 2);
}
