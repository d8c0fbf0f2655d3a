using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>One run of a sweep.</summary>
/// <param name="Labels">For each dimension, in the plan's order, the label of the value taken.</param>
/// <param name="Value">The sweep's metric as it stands; null before there is one.</param>
/// <param name="NatsPerToken">The mean loss of a metric that is a perplexity; null of another one.</param>
public sealed record SweepRun(Run Run, IReadOnlyList<KeyValuePair<string, string>> Labels, double? Value, double? NatsPerToken)
{
    /// <summary>Whether the value is compared with others: only a complete run's is.</summary>
    public bool Counts => Value is not null && Run.Status == RunStatus.Completed;
}

/// <summary>The runs that differ in their seeds alone.</summary>
/// <param name="Labels">Labels of all dimensions but those of seeds; empty when there is no other.</param>
/// <param name="Mean">Over the complete runs; null before there is one.</param>
/// <param name="IsBest">Whether its mean is the lowest of the sweep so far; one that is not finite never is.</param>
public sealed record SweepGroup(
    IReadOnlyList<KeyValuePair<string, string>> Labels, IReadOnlyList<SweepRun> Runs, SampleMean? Mean, bool IsBest)
{
    /// <summary>"T = 4".</summary>
    public string Title => Labels.Count == 0 ? "All seeds" : SweepLabels.Title(Labels);

    /// <summary>The mean of the losses that the complete runs' perplexities are the exponentials of; null for another metric.</summary>
    public double? MeanNatsPerToken =>
        Runs.Where(run => run is { Counts: true, NatsPerToken: not null }).Select(run => run.NatsPerToken).Average();
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

        string Seed(SweepRun run) => SweepLabels.Title(run.Labels.Where(label => !shared.Contains(label.Key)));
    }

    /// <summary>What is left at the mean speed of the runs so far; null before the first update and when nothing is under way.</summary>
    public double? SecondsLeft
    {
        get
        {
            double[] whole = [.. Runs.Where(run => run.Run is { Step: > 0, TotalSteps: > 0, TrainedSeconds: > 0 })
                .Select(run => run.Run.TrainedSeconds / run.Run.Progress())];
            if (IsAtRest || whole.Length == 0)
                return null;
            double left = Runs.Where(run => !run.Run.IsFinal).Sum(run => 1 - run.Run.Progress());
            return left * whole.Average();
        }
    }

    /// <summary>Puts a sweep's runs together.</summary>
    /// <param name="lowestPerplexities">Of each run that measured one; read only for the metric that needs it.</param>
    public static SweepReport Of(
        Sweep sweep, IEnumerable<Run> runs, IReadOnlyDictionary<Guid, MeasuredPair> lowestPerplexities)
    {
        SweepPlan plan = SweepPlan.Of(sweep);
        HashSet<string> seeds = [.. plan.Dimensions.Where(dimension => dimension.IsOfSeeds).Select(dimension => dimension.Name)];
        SweepRun[] measured = [.. runs.OrderBy(run => run.QueueOrder)
            .Select(run => (run, Metric: ValueOf(plan.Metric, run, lowestPerplexities)))
            .Select(of => new SweepRun(of.run, LabelsOf(plan, of.run), of.Metric.Value, of.Metric.NatsPerToken))];
        List<SweepGroup> groups = [.. measured
            .GroupBy(run => string.Join('\n', run.Labels.Where(label => !seeds.Contains(label.Key)).Select(label => label.Value)))
            .Select(group => new SweepGroup(
                [.. group.First().Labels.Where(label => !seeds.Contains(label.Key))],
                [.. group],
                SampleMean.Of([.. group.Where(run => run.Counts).Select(run => run.Value!.Value)]),
                IsBest: false))
            .OrderBy(group => group.Mean is null).ThenBy(group => group.Mean?.Mean ?? 0, NotFinite.NaNLast)];
        if (groups is [{ Mean.Mean: double lowest } best, ..] && double.IsFinite(lowest))
            groups[0] = best with { IsBest = true };
        return new SweepReport(sweep, plan, groups);
    }

    private static IReadOnlyList<KeyValuePair<string, string>> LabelsOf(SweepPlan plan, Run run)
    {
        IReadOnlyDictionary<string, string> labels = SweepLabels.Of(run);
        return [.. plan.Dimensions.Where(dimension => labels.ContainsKey(dimension.Name))
            .Select(dimension => KeyValuePair.Create(dimension.Name, labels[dimension.Name]))];
    }

    private static (double? Value, double? NatsPerToken) ValueOf(SweepMetric metric, Run run,
        IReadOnlyDictionary<Guid, MeasuredPair> lowestPerplexities) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => (run.ValidationPerplexity, run.Validation()?.NatsPerToken),
        SweepMetric.BestValidationPerplexity when lowestPerplexities.TryGetValue(run.Id, out MeasuredPair? lowest) =>
            (lowest.Value, Perplexity.Stored(lowest.Value, lowest.Logarithm)?.NatsPerToken),
        SweepMetric.BestValidationPerplexity => (null, null),
        SweepMetric.GapToTeacher => (run.GapToTeacher(), null),
        SweepMetric.TotalLoss => (run.TotalLoss, null),
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };
}
