using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Components.Controls;

namespace WebDistill.Web.Sweeps;

/// <summary>One run of a sweep.</summary>
/// <param name="Labels">For each dimension, in the plan's order, the label of the value taken.</param>
/// <param name="Value">The sweep's metric as it stands; null before there is one.</param>
public sealed record SweepRun(Run Run, IReadOnlyList<KeyValuePair<string, string>> Labels, double? Value)
{
    /// <summary>Whether the value is compared with others: only a complete run's is.</summary>
    public bool Counts => Value is not null && Run.Status == RunStatus.Completed;
}

/// <summary>The runs that differ in their seeds alone.</summary>
/// <param name="Labels">Labels of all dimensions but those of seeds; empty when there is no other.</param>
/// <param name="Mean">Over the complete runs; null before there is one.</param>
/// <param name="IsBest">Whether its mean is the lowest of the sweep so far.</param>
public sealed record SweepGroup(
    IReadOnlyList<KeyValuePair<string, string>> Labels, IReadOnlyList<SweepRun> Runs, SampleMean? Mean, bool IsBest)
{
    /// <summary>"T = 4".</summary>
    public string Title => Labels.Count == 0 ? "All seeds" : SweepPoint.TitleOf(Labels);
}

/// <summary>A sweep as it stands: its plan, its runs and what they came to, the best group first and those without a figure last.</summary>
public sealed record SweepReport(Sweep Sweep, SweepPlan Plan, IReadOnlyList<SweepGroup> Groups)
{
    /// <summary>Every run, in the order in which they were queued.</summary>
    public IEnumerable<SweepRun> Runs => Groups.SelectMany(group => group.Runs).OrderBy(run => run.Run.QueueOrder);

    /// <summary>Runs that there are; one that was deleted is not.</summary>
    public int RunCount => Groups.Sum(group => group.Runs.Count);

    /// <summary>Runs that made all their updates.</summary>
    public int CompletedCount => Runs.Count(run => run.Run.Status == RunStatus.Completed);

    /// <summary>Whether nothing more will happen unless somebody asks for it.</summary>
    public bool IsAtRest => Runs.All(run => run.Run.IsFinal);

    /// <summary>The group with the lowest mean; null before a run is complete.</summary>
    public SweepGroup? Best => Groups.FirstOrDefault(group => group.IsBest);

    /// <summary>Share of the work done, 0 to 1, every run counting the same.</summary>
    public double Progress => RunCount == 0 ? 0 : Runs.Average(run => run.Run.Status == RunStatus.Completed ? 1 : run.Run.Progress());

    /// <summary>
    /// How much worse a group is than the best one, under the same seeds: the mean of the differences seed by seed, which is sharper than
    /// two intervals side by side, because a seed that is hard for one is hard for the other. Null where they share no complete seed.
    /// </summary>
    public SampleMean? DifferenceFromBest(SweepGroup group)
    {
        if (Best is not SweepGroup best || best == group)
            return null;
        HashSet<string> shared = [.. group.Labels.Select(label => label.Key)];
        Dictionary<string, double> ofBest = best.Runs.Where(run => run.Counts).ToDictionary(Seed, run => run.Value!.Value);
        return SampleMean.Of([.. group.Runs.Where(run => run.Counts && ofBest.ContainsKey(Seed(run)))
            .Select(run => run.Value!.Value - ofBest[Seed(run)])]);

        string Seed(SweepRun run) => SweepPoint.TitleOf(run.Labels.Where(label => !shared.Contains(label.Key)));
    }

    /// <summary>What is left at the mean speed of the runs so far; null before the first update and when nothing is under way.</summary>
    public TimeSpan? TimeLeft
    {
        get
        {
            double[] whole = [.. Runs.Where(run => run.Run is { Step: > 0, TrainedSeconds: > 0 })
                .Select(run => run.Run.TrainedSeconds / run.Run.Progress())];
            if (IsAtRest || whole.Length == 0)
                return null;
            double left = Runs.Where(run => !run.Run.IsFinal).Sum(run => 1 - run.Run.Progress());
            return TimeSpan.FromSeconds(left * whole.Average());
        }
    }

    /// <summary>Puts a sweep's runs together.</summary>
    /// <param name="lowestPerplexities">Of each run that measured one; read only for the metric that needs it.</param>
    public static SweepReport Of(
        Sweep sweep, IEnumerable<Run> runs, IReadOnlyDictionary<Guid, (double Perplexity, int Step)> lowestPerplexities)
    {
        SweepPlan plan = SweepPlan.Of(sweep);
        HashSet<string> seeds = [.. plan.Dimensions.Where(dimension => dimension.IsOfSeeds).Select(dimension => dimension.Name)];
        SweepRun[] measured = [.. runs.OrderBy(run => run.QueueOrder)
            .Select(run => new SweepRun(run, LabelsOf(plan, run), ValueOf(plan.Metric, run, lowestPerplexities)))];
        List<SweepGroup> groups = [.. measured
            .GroupBy(run => string.Join('\n', run.Labels.Where(label => !seeds.Contains(label.Key)).Select(label => label.Value)))
            .Select(group => new SweepGroup(
                [.. group.First().Labels.Where(label => !seeds.Contains(label.Key))],
                [.. group],
                SampleMean.Of([.. group.Where(run => run.Counts).Select(run => run.Value!.Value)]),
                IsBest: false))
            .OrderBy(group => group.Mean?.Mean ?? double.PositiveInfinity)];
        if (groups is [{ Mean: not null } best, ..])
            groups[0] = best with { IsBest = true };
        return new SweepReport(sweep, plan, groups);
    }

    private static IReadOnlyList<KeyValuePair<string, string>> LabelsOf(SweepPlan plan, Run run)
    {
        IReadOnlyDictionary<string, string> labels = PointOf(run);
        return [.. plan.Dimensions.Where(dimension => labels.ContainsKey(dimension.Name))
            .Select(dimension => KeyValuePair.Create(dimension.Name, labels[dimension.Name]))];
    }

    /// <summary>What a sweep changed for a run, by the names of its dimensions.</summary>
    public static IReadOnlyDictionary<string, string> PointOf(Run run) => run.SweepPointJson is null ? new Dictionary<string, string>()
        : JsonSerializer.Deserialize<OrderedDictionary<string, string>>(run.SweepPointJson, WebJson.Options)!;

    private static double? ValueOf(
        SweepMetric metric, Run run, IReadOnlyDictionary<Guid, (double Perplexity, int Step)> lowestPerplexities) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => run.ValidationPerplexity,
        SweepMetric.BestValidationPerplexity => lowestPerplexities.TryGetValue(run.Id, out var lowest) ? lowest.Perplexity : null,
        SweepMetric.GapToTeacher => run.GapToTeacher(),
        SweepMetric.TotalLoss => run.TotalLoss,
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };
}
