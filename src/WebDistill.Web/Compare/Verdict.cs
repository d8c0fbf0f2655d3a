using System.Globalization;
using WebDistill.Distillation.Files;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Compare;

/// <summary>What can be said of an arm against the one that it is compared with.</summary>
public enum VerdictWord
{
    /// <summary>The values do not tell: the interval of the differences contains 0, or there are too few seeds.</summary>
    Inconclusive,

    /// <summary>It is better: the whole interval of the differences lies on its side of 0.</summary>
    Beats,

    /// <summary>It is not better: the whole interval lies on the other side of 0, or every difference is 0.</summary>
    NoBeats,
}

/// <summary>The number that decides; the lower one is the better one, unless it says otherwise.</summary>
/// <param name="Title">Its name, with the protocol that it was measured under.</param>
/// <param name="About">What it is, and what to beware of.</param>
/// <param name="Write">A value as pages write it.</param>
/// <param name="WriteSize">The size of a difference as pages write it, without a sign.</param>
public sealed record VerdictMeasure(string Title, string About, Func<double, string> Write, Func<double, string> WriteSize)
{
    /// <summary>Whether the higher one is the better one, as of an accuracy; null where the values have no common scale, so that neither is, and none is shown.</summary>
    public bool? HigherIsBetter { get; init; } = false;

    /// <summary>Which way is better, in a sentence; null where neither is.</summary>
    public string? Direction => HigherIsBetter switch { true => "higher is better", false => "lower is better", null => null };

    /// <summary>What the best value is called.</summary>
    public string BestWord => HigherIsBetter == true ? "highest" : "lowest";

    /// <summary>A value, or a difference of two, of which less is better.</summary>
    internal double Cost(double value) => HigherIsBetter == true ? -value : value;
}

/// <summary>The value of one complete run.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Seed">The seed that it was trained under: the runs of one seed share initialisation and order.</param>
/// <param name="Value">What was measured.</param>
public readonly record struct VerdictValue(Guid RunId, string Seed, double Value);

/// <summary>Runs that differ in their seeds alone.</summary>
/// <param name="Title">What tells it from the other arms.</param>
/// <param name="Values">Of its complete runs.</param>
/// <param name="Waiting">Its runs that have no value yet.</param>
public sealed record VerdictArm(string Title, IReadOnlyList<VerdictValue> Values, int Waiting = 0)
{
    /// <summary>One value for each seed, the mean of those that share it.</summary>
    public IReadOnlyDictionary<string, double> BySeed { get; } =
        Values.GroupBy(value => value.Seed).ToDictionary(seed => seed.Key, seed => seed.Average(value => value.Value));

    /// <summary>Over the seeds; null before a run is complete.</summary>
    public SampleMean? Mean => SampleMean.Of([.. BySeed.OrderBy(seed => seed.Key, StringComparer.Ordinal).Select(seed => seed.Value)]);
}

/// <summary>One arm against the one that all are compared with.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Difference">The mean of arm - reference over the seeds that both have, with the interval at the confidence of the verdict;
/// null where they share none.</param>
/// <param name="Word">What follows for the arm.</param>
/// <param name="Why">The same in a sentence.</param>
public sealed record VerdictComparison(VerdictArm Arm, SampleMean? Difference, VerdictWord Word, string Why);

/// <summary>
/// Which arm is better, and whether chance explains it. The rule: arms are compared seed by seed; d = arm - reference of every seed that both
/// have, and the interval of the mean of d is Student's t with n - 1 degrees of freedom. An arm BEATS the reference when the whole
/// interval lies on the better side of 0, below it unless more is better, it does NOT BEAT it when the whole interval lies on the other side or every d is 0, and everything else is INCONCLUSIVE: fewer than two
/// shared seeds, a value that is not finite, numbers that cannot be compared. Of several comparisons each has the confidence 1 - 0.05 / m (Bonferroni), so that
/// all of them hold together in 95 % of cases: m is the number of the other arms where the reference was named beforehand, and
/// the number of all pairs where it is the best one, which the values themselves have chosen.
/// </summary>
public sealed record Verdict
{
    /// <summary>Seeds that two arms must share before anything is said about chance.</summary>
    public const int LeastSeeds = 2;

    private const int MostNamed = 3;

    /// <summary>What decides.</summary>
    public required VerdictMeasure Measure { get; init; }

    /// <summary>The arms, the best mean first and those without one last; none where their values have no common scale.</summary>
    public required IReadOnlyList<VerdictArm> Arms { get; init; }

    /// <summary>The arm that the others are compared with; null before two arms have values.</summary>
    public VerdictArm? Reference { get; init; }

    /// <summary>Whether it was named beforehand; otherwise it is the best one.</summary>
    public bool IsBaseline { get; init; }

    /// <summary>The other arms that have values, the best mean first.</summary>
    public IReadOnlyList<VerdictComparison> Comparisons { get; init; } = [];

    /// <summary>The confidence of each interval of a difference.</summary>
    public double Confidence { get; init; } = SampleMean.Confidence;

    /// <summary>Of the best arm: against the baseline, or against all others.</summary>
    public VerdictWord Word { get; init; }

    /// <summary>The verdict in a sentence.</summary>
    public required string Sentence { get; init; }

    /// <summary>How the word is written.</summary>
    public static string Text(VerdictWord word) => word switch
    {
        VerdictWord.Beats => "BEATS",
        VerdictWord.NoBeats => "NO BEATS",
        _ => "INCONCLUSIVE",
    };

    /// <summary>The rule in sentences, for whoever asks why.</summary>
    public static string Rule { get; } = "Arms are compared seed by seed, because runs of one seed share initialisation and order. BEATS: the whole interval of the "
        + "differences lies on the better side of 0. NO BEATS: it lies on the other side, or no seed differs at all. INCONCLUSIVE: it contains 0, fewer than "
        + $"{LeastSeeds} seeds are shared, or the numbers cannot be compared. Student's t with n − 1 degrees of freedom; with several comparisons each interval is "
        + "widened (Bonferroni), so that all of them hold together with 95 %.";

    /// <summary>Compares arms.</summary>
    /// <param name="measure">What decides.</param>
    /// <param name="arms">The arms, in any order.</param>
    /// <param name="baseline">One of them that the others shall beat, named before anybody saw the values; null compares the best one with all others.</param>
    /// <param name="obstacle">Why the values cannot be compared with each other, in a sentence; null when they can.</param>
    public static Verdict Of(VerdictMeasure measure, IReadOnlyList<VerdictArm> arms, VerdictArm? baseline = null, string? obstacle = null)
    {
        VerdictArm[] ordered = [.. arms.OrderBy(arm => arm.Mean is null).ThenBy(arm => measure.Cost(arm.Mean?.Mean ?? 0), NotFinite.NaNLast)
            .ThenBy(arm => arm.Title, StringComparer.Ordinal)];
        VerdictArm[] measured = [.. ordered.Where(arm => arm.Mean is not null)];
        Verdict Inconclusive(string why) => new() { Measure = measure, Arms = ordered, Sentence = why };
        if (obstacle is not null)
            return measure.HigherIsBetter is null ? Inconclusive(obstacle) with { Arms = [] } : Inconclusive(obstacle);
        if (arms.Count < 2)
            return Inconclusive(arms.Count == 0 ? "No run is chosen." : $"{arms[0].Title} alone is compared with nothing. Add runs with other options.");
        if (measured.Length < 2)
            return Inconclusive(measured.Length == 0 ? "No run is complete yet: only complete runs are compared."
                : $"Only {measured[0].Title} has a complete run so far: only complete runs are compared.");
        if (baseline is not null && baseline.Mean is null)
            return Inconclusive($"The baseline, {baseline.Title}, has no complete run yet: there is nothing to compare the others with.");

        VerdictArm reference = baseline ?? measured[0];
        VerdictArm[] others = [.. measured.Where(arm => !ReferenceEquals(arm, reference))];
        int comparisons = baseline is null ? measured.Length * (measured.Length - 1) / 2 : others.Length;
        double confidence = 1 - (1 - SampleMean.Confidence) / comparisons;
        var verdict = new Verdict
        {
            Measure = measure,
            Arms = ordered,
            Reference = reference,
            IsBaseline = baseline is not null,
            Confidence = confidence,
            Comparisons = [.. others.Select(arm => Compare(measure, arm, reference, confidence, comparisons))],
            Sentence = "",
        };
        return baseline is null ? verdict.AgainstAll() : verdict with { Word = verdict.Comparisons[0].Word, Sentence = verdict.Comparisons[0].Why };
    }

    private static VerdictComparison Compare(VerdictMeasure measure, VerdictArm arm, VerdictArm reference, double confidence, int comparisons)
    {
        string[] shared = [.. arm.BySeed.Keys.Intersect(reference.BySeed.Keys).Order(StringComparer.Ordinal)];
        SampleMean? difference = SampleMean.Of([.. shared.Select(seed => arm.BySeed[seed] - reference.BySeed[seed])], confidence);
        if (difference is null)
            return new(arm, null, VerdictWord.Inconclusive, $"{arm.Title} and {reference.Title} share no seed, so that they cannot be compared seed by seed.");
        if (difference.Count < LeastSeeds)
            return new(arm, difference, VerdictWord.Inconclusive, $"{arm.Title} and {reference.Title} share one seed only ({shared[0]}): "
                + $"{Size(difference.Mean)} may be chance. Train both under at least one more seed.");
        if (difference.HalfWidth is not double half || !double.IsFinite(half))
            return new(arm, difference, VerdictWord.Inconclusive, $"A value of {arm.Title} or of {reference.Title} is not finite, so that their difference says nothing.");
        double cost = measure.Cost(difference.Mean);
        VerdictWord word = cost + half < 0 ? VerdictWord.Beats : cost - half > 0 || cost == 0 && half == 0 ? VerdictWord.NoBeats : VerdictWord.Inconclusive;
        string interval = $"{Size(difference.Mean)} ±\u00a0{measure.WriteSize(half)} ({Share(confidence)} interval{(comparisons > 1 ? $", one of {comparisons}" : "")}, n = {difference.Count})";
        return new(arm, difference, word, word switch
        {
            VerdictWord.Beats => $"Seed by seed, {arm.Title} is better than {reference.Title} by {interval}: the interval does not contain 0.",
            VerdictWord.NoBeats when half == 0 && difference.Mean == 0 => $"Seed by seed, {arm.Title} and {reference.Title} have the same value (n = {difference.Count}).",
            VerdictWord.NoBeats => $"Seed by seed, {arm.Title} is worse than {reference.Title} by {interval}: the interval does not contain 0.",
            _ => $"Seed by seed, {arm.Title} is {(cost < 0 ? "better" : "worse")} than {reference.Title} by {interval}: the difference may be 0, these runs do not tell which is better.",
        });

        string Size(double value) => measure.WriteSize(Math.Abs(value));
    }

    // The best arm against every other one.
    private Verdict AgainstAll()
    {
        string best = Reference!.Title;
        VerdictComparison[] open = [.. Comparisons.Where(one => one.Word != VerdictWord.NoBeats || one.Difference!.Mean == 0)];
        if (open.Length == 0)
            return this with
            {
                Word = VerdictWord.Beats,
                Sentence = Comparisons.Count == 1 ? $"Seed by seed, {best} is better than {Comparisons[0].Arm.Title} by {Interval(Comparisons[0])}: the interval does not contain 0."
                    : $"Seed by seed, {best} is better than every other arm: no {Share(Confidence)} interval of the difference contains 0.",
            };
        if (Comparisons.All(one => one is { Word: VerdictWord.NoBeats, Difference.Mean: 0 }))
            return this with { Word = VerdictWord.NoBeats, Sentence = "Seed by seed, all arms have the same value." };
        if (open.Length == 1)
            return this with { Sentence = open[0].Word == VerdictWord.NoBeats ? $"{open[0].Why} The best is not one arm." : open[0].Why };
        VerdictComparison[] few = [.. open.Where(one => one.Difference is null || one.Difference.Count < LeastSeeds)];
        return this with
        {
            Sentence = few.Length == open.Length
                ? $"{best} has the {Measure.BestWord} value, and shares fewer than {LeastSeeds} seeds with {Names(open)}: the difference may be chance. Train the arms under the same seeds, {LeastSeeds} at least."
                : $"Seed by seed, the difference between {best} and {Names(open)} may be 0 ({Share(Confidence)} interval): these runs do not tell which is better.",
        };
    }

    private string Interval(VerdictComparison one) =>
        $"{Measure.WriteSize(Math.Abs(one.Difference!.Mean))} ±\u00a0{Measure.WriteSize(one.Difference.HalfWidth!.Value)} ({Share(Confidence)} interval, n = {one.Difference.Count})";

    private static string Names(VerdictComparison[] arms) =>
        arms.Length <= MostNamed ? string.Join(" or ", arms.Select(one => one.Arm.Title)) : $"{arms.Length} other arms";

    /// <summary>A confidence as a sentence writes it: 95 %, 98.3 %.</summary>
    public static string Share(double confidence) => (100 * confidence).ToString("0.##", CultureInfo.InvariantCulture) + "\u202f%";
}
