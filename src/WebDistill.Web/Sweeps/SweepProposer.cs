using WebDistill.Distillation.Files;

namespace WebDistill.Web.Sweeps;

/// <summary>A point of which every run has ended.</summary>
/// <param name="Draw">Its values.</param>
/// <param name="Values">What its runs came to, a lower one being better; null where one has no finite figure, as one that failed: it counts as the worst that was seen.</param>
internal sealed record MeasuredPoint(IReadOnlyList<SweepValue>[] Draw, IReadOnlyList<double>? Values);

/// <summary>
/// Proposes the next point of a Bayesian search: the candidate with the highest expected improvement under a Gaussian process of what was measured
/// (Snoek, Larochelle and Adams 2012; Jones, Schonlau and Welch 1998). Nothing else decides: the same plan and the same figures give the same proposals.
/// </summary>
internal static class SweepProposer
{
    private const int Candidates = 2000, Neighbours = 300;

    // Of the values' variance: runs with one seed say nothing of their noise.
    private const double LeastNoise = 1e-4;

    private static readonly double[] s_steps = [0.2, 0.05, 0.01];

    /// <summary>The points that were not tried yet, the most promising one first; empty where every point was.</summary>
    /// <param name="measured">At least one, in any order.</param>
    public static IReadOnlyList<IReadOnlyList<SweepValue>[]> Ranked(SweepPlan plan, IReadOnlyList<MeasuredPoint> measured)
    {
        var space = new SweepSpace(plan.Dimensions);
        MeasuredPoint[] ordered = [.. measured.OrderBy(point => SweepDraws.Key(plan.Dimensions, point.Draw), StringComparer.Ordinal)];
        (double[] values, double[] noise) = Standardised(ordered);
        double[][] points = [.. ordered.Select(point => space.Encode(point.Draw))];
        GaussianProcess process = GaussianProcess.Fit(points, values, noise, space.DimensionOf);
        // What the process believes of the measured points, and not the luckiest figure, is to be improved on.
        double[] believed = [.. points.Select(point => process.Predict(point).Mean)];
        double lowest = believed.Min();
        return [.. CandidatesOf(plan, ordered, ordered[Array.IndexOf(believed, lowest)].Draw)
            .Select(draw => (Draw: draw, Prediction: process.Predict(space.Encode(draw))))
            .OrderByDescending(one => GaussianProcess.ExpectedImprovement(one.Prediction.Mean, one.Prediction.Variance, lowest))
            .ThenByDescending(one => one.Prediction.Variance)
            .Select(one => one.Draw)];
    }

    /// <summary>y with mean 0 and variance 1, the mean over each point's runs, and its noise in the same unit: s² / n with s² the variance between
    /// runs of one point, pooled over the points, and at least a small constant.</summary>
    internal static (double[] Values, double[] Noise) Standardised(IReadOnlyList<MeasuredPoint> points)
    {
        double[] known = [.. points.Where(point => point.Values is not null).Select(point => point.Values!.Average())];
        double worst = known.Length == 0 ? 0 : known.Max();
        double[] means = [.. points.Select(point => point.Values?.Average() ?? worst)];
        double mean = means.Average(), variance = means.Average(value => (value - mean) * (value - mean));
        if (variance == 0)
            variance = 1;
        int freedom = points.Sum(point => (point.Values?.Count ?? 1) - 1);
        double pooled = freedom == 0 ? 0
            : points.Sum(point => point.Values?.Sum(value => (value - point.Values.Average()) * (value - point.Values.Average())) ?? 0) / freedom / variance;
        return ([.. means.Select(value => (value - mean) / Math.Sqrt(variance))], [.. points.Select(point => Math.Max(LeastNoise, pooled / (point.Values?.Count ?? 1)))]);
    }

    private static IEnumerable<IReadOnlyList<SweepValue>[]> CandidatesOf(SweepPlan plan, IReadOnlyList<MeasuredPoint> measured, IReadOnlyList<SweepValue>[] best)
    {
        HashSet<string> known = [.. measured.Select(point => SweepDraws.Key(plan.Dimensions, point.Draw))];
        IEnumerable<IReadOnlyList<SweepValue>[]> possible;
        if (SweepDraws.Count(plan.Dimensions.Where(dimension => !dimension.IsOfSeeds)) <= Candidates)
        {
            possible = SweepDraws.All(plan.Dimensions);
        }
        else
        {
            var random = new SplittableRandom(plan.DrawSeed);
            // Other candidates after every point.
            for (int i = 0; i < measured.Count; i++)
                random = random.Split();
            possible = Enumerable.Range(0, Candidates).Select(_ => SweepDraws.Draw(plan.Dimensions, random))
                .Concat(Enumerable.Range(0, Neighbours).Select(i => Beside(plan.Dimensions, best, s_steps[i % s_steps.Length], random)));
        }
        return possible.Where(draw => known.Add(SweepDraws.Key(plan.Dimensions, draw)));
    }

    // Numbers of ranges move by a normal step, and one of a few lists takes another value.
    private static IReadOnlyList<SweepValue>[] Beside(IReadOnlyList<SweepDimension> dimensions, IReadOnlyList<SweepValue>[] best, double step, SplittableRandom random) =>
        [.. dimensions.Select((dimension, i) => dimension switch
        {
            { Range: SweepRange range } => [SweepDraws.At(range, Math.Clamp(SweepSpace.Share(range, best[i][0]) + (step * Normal(random)), 0, 1))],
            { IsOfSeeds: false } when random.Next(dimensions.Count + 1) == 0 => [dimension.Values[random.Next(dimension.Values.Count)]],
            _ => best[i],
        })];

    // Box and Muller 1958.
    private static double Normal(SplittableRandom random) =>
        Math.Sqrt(-2 * Math.Log(1 - SweepDraws.Unit(random))) * Math.Cos(2 * Math.PI * SweepDraws.Unit(random));
}
