using MathNet.Numerics.Distributions;

namespace WebDistill.Web.Compare;

/// <summary>The mean of a sample and how far the true mean may lie from it.</summary>
/// <param name="Count">n.</param>
/// <param name="Mean">x̄ = Σx / n.</param>
/// <param name="StandardDeviation">s = √(Σ(x - x̄)² / (n - 1)); null for n = 1, and where a value is not finite: nothing can be claimed of
/// how far from it the others lie.</param>
/// <param name="HalfWidth">t·s / √n with t the quantile of Student's distribution with n - 1 degrees of freedom between whose two signs the
/// confidence lies, by default 95 %: the true mean of normal values lies within it in so many samples. Null where the deviation is.</param>
public sealed record SampleMean(int Count, double Mean, double? StandardDeviation, double? HalfWidth)
{
    /// <summary>The share of samples in which an interval holds the true mean, where nothing else is asked for.</summary>
    public const double Confidence = 0.95;

    /// <summary>The mean of these values; null of none.</summary>
    public static SampleMean? Of(IReadOnlyList<double> values, double confidence = Confidence)
    {
        if (values.Count == 0)
            return null;
        double mean = values.Average();
        if (values.Count == 1 || !double.IsFinite(mean))
            return new SampleMean(values.Count, mean, null, null);
        double deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
        return new SampleMean(values.Count, mean, deviation, TwoSidedQuantile(values.Count - 1, confidence) * deviation / Math.Sqrt(values.Count));
    }

    /// <summary>The t for which so much of Student's distribution lies between -t and t.</summary>
    internal static double TwoSidedQuantile(int degreesOfFreedom, double confidence = Confidence) =>
        StudentT.InvCDF(0, 1, degreesOfFreedom, (1 + confidence) / 2);
}
