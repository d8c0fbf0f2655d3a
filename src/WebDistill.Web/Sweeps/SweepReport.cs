using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Web.Compare;
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

/// <summary>How a Bayesian search came to a point.</summary>
public enum PointOrigin
{
    /// <summary>It was drawn at random, to learn from.</summary>
    First,

    /// <summary>An improvement was most expected there after all points before it.</summary>
    Proposed,
}

/// <summary>The runs that differ in their seeds alone.</summary>
/// <param name="Labels">Labels of all dimensions but those of seeds; empty when there is no other.</param>
/// <param name="Mean">Over the complete runs; null before there is one.</param>
/// <param name="IsBest">Whether its mean is the best of the sweep so far; one that is not finite never is, nor the only one that there is.</param>
public sealed record SweepGroup(
    IReadOnlyList<KeyValuePair<string, string>> Labels, IReadOnlyList<SweepRun> Runs, SampleMean? Mean, bool IsBest)
{
    /// <summary>How a Bayesian search came to the point; null in another one.</summary>
    public PointOrigin? Origin { get; init; }

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

    /// <summary>Points that a Bayesian search is still to propose.</summary>
    public int PointsToCome => Sweep.PointsToCome ?? 0;

    /// <summary>Runs that there are, and those of the points that are still to be proposed.</summary>
    public int RunsInAll => RunCount + (PointsToCome * Plan.Seeds);

    /// <summary>Runs that made all their updates.</summary>
    public int CompletedCount => Runs.Count(run => run.Run.Status == RunStatus.Completed);

    /// <summary>Whether nothing more will happen unless somebody asks for it.</summary>
    public bool IsAtRest => PointsToCome == 0 && Runs.All(run => run.Run.IsFinal);

    /// <summary>The group with the best mean; null before two have one.</summary>
    public SweepGroup? Best => Groups.FirstOrDefault(group => group.IsBest);

    /// <summary>Updates of a whole run, the same for all where points are halved; null before one has begun.</summary>
    public int? UpdatesOfRun => Runs.Select(run => run.Run.TotalSteps).Where(updates => updates > 0).Select(updates => (int?)updates).Max();

    /// <summary>The rungs of successive halving; empty without it, and before a run has begun.</summary>
    public IReadOnlyList<SweepRung> Rungs => Plan.Halving is SweepHalving halving && UpdatesOfRun is int updates ? halving.Rungs(Plan.PointCount, updates) : [];

    /// <summary>The rungs that are decided.</summary>
    public IReadOnlyList<DecidedRung> Decided => DecidedRung.Of(Sweep);

    /// <summary>Whether every run is complete, or those that went on to the last rung are.</summary>
    public bool IsDone => RunCount > 0 && (CompletedCount == RunsInAll || Plan.Halving is not null && IsAtRest && CompletedCount > 0 && Decided.Count == Rungs.Count - 1);

    /// <summary>Share of the work done, 0 to 1: every run counts the same, and of successive halving the updates that its rungs are made of.</summary>
    public double Progress => RunCount == 0 ? 0 : IsDone ? 1
        : Rungs is { Count: > 0 } rungs ? Math.Min(1, Runs.Sum(run => (double)run.Run.Step) / (SweepHalving.Updates(rungs) * Plan.Seeds))
        : Runs.Sum(run => run.Run.Status == RunStatus.Completed ? 1 : run.Run.Progress()) / RunsInAll;

    /// <summary>What is left at the mean speed of the runs so far; null before the first update and when nothing is under way.</summary>
    public double? SecondsLeft
    {
        get
        {
            double[] whole = [.. Runs.Where(run => run.Run is { Step: > 0, TotalSteps: > 0, TrainedSeconds: > 0 })
                .Select(run => run.Run.TrainedSeconds / run.Run.Progress())];
            if (IsAtRest || whole.Length == 0)
                return null;
            if (Rungs is { Count: > 0 } rungs)
                return SweepHalving.Updates(rungs) * Plan.Seeds * (1 - Progress) * whole.Average() / rungs[^1].Updates;
            double left = (PointsToCome * Plan.Seeds) + Runs.Where(run => !run.Run.IsFinal).Sum(run => 1 - run.Run.Progress());
            return left * whole.Average();
        }
    }

    /// <summary>Puts a sweep's runs together.</summary>
    /// <param name="bests">The best figure of each run that measured one; read only for the metrics that need it.</param>
    public static SweepReport Of(
        Sweep sweep, IEnumerable<Run> runs, IReadOnlyDictionary<Guid, MeasuredPair> bests)
    {
        SweepPlan plan = SweepPlan.Of(sweep);
        HashSet<string> seeds = [.. plan.Dimensions.Where(dimension => dimension.IsOfSeeds).Select(dimension => dimension.Name)];
        HashSet<string> first = plan.Strategy == SweepStrategy.Bayesian ? [.. plan.Expand().Select(point => PointKey(point.Labels))] : [];
        SweepRun[] measured = [.. runs.OrderBy(run => run.QueueOrder)
            .Select(run => (run, Metric: ValueOf(plan.Metric, run, bests)))
            .Select(of => new SweepRun(of.run, LabelsOf(plan, of.run), of.Metric.Value, of.Metric.NatsPerToken))];
        List<SweepGroup> groups = [.. measured
            .GroupBy(run => PointKey(run.Labels))
            .Select(group => new SweepGroup(
                [.. group.First().Labels.Where(label => !seeds.Contains(label.Key))],
                [.. group],
                SampleMean.Of([.. group.Where(run => run.Counts).Select(run => run.Value!.Value)]),
                IsBest: false)
            {
                Origin = plan.Strategy != SweepStrategy.Bayesian ? null : first.Contains(group.Key) ? PointOrigin.First : PointOrigin.Proposed,
            })
            .OrderBy(group => group.Mean is null).ThenBy(group => plan.Metric.Cost(group.Mean?.Mean ?? 0), NotFinite.NaNLast)];
        // Of one point alone nothing is the best, unless it was better than others at a rung.
        if (groups is [{ Mean.Mean: double lowest } best, ..] && double.IsFinite(lowest) && (groups.Count > 1 && groups[1].Mean is not null || DecidedRung.Of(sweep).Count > 0))
            groups[0] = best with { IsBest = true };
        return new SweepReport(sweep, plan, groups);

        string PointKey(IEnumerable<KeyValuePair<string, string>> labels) => string.Join('\n', labels.Where(label => !seeds.Contains(label.Key)).Select(label => label.Value));
    }

    private static IReadOnlyList<KeyValuePair<string, string>> LabelsOf(SweepPlan plan, Run run)
    {
        IReadOnlyDictionary<string, string> labels = SweepLabels.Of(run);
        return [.. plan.Dimensions.Where(dimension => labels.ContainsKey(dimension.Name))
            .Select(dimension => KeyValuePair.Create(dimension.Name, labels[dimension.Name]))];
    }

    internal static (double? Value, double? NatsPerToken) ValueOf(SweepMetric metric, Run run,
        IReadOnlyDictionary<Guid, MeasuredPair> bests) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => (run.ValidationPerplexity, run.Validation()?.NatsPerToken),
        SweepMetric.FinalValidationAccuracy => (run.ValidationAccuracy, null),
        SweepMetric.BestValidationAccuracy => (bests.GetValueOrDefault(run.Id)?.Value, null),
        SweepMetric.BestValidationPerplexity when bests.TryGetValue(run.Id, out MeasuredPair? lowest) =>
            (lowest.Value, Perplexity.Stored(lowest.Value, lowest.Logarithm)?.NatsPerToken),
        SweepMetric.BestValidationPerplexity => (null, null),
        SweepMetric.GapToTeacher => (run.GapToTeacher(), null),
        SweepMetric.TotalLoss => (run.TotalLoss, null),
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };
}
