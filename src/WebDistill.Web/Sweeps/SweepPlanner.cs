using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>One run of a sweep that is not queued yet.</summary>
/// <param name="Plan">What it would do; null where that cannot be known.</param>
/// <param name="EstimatedSeconds">At the speed of the latest run; null where there was none.</param>
/// <param name="Problems">Why it cannot be made; empty when it can.</param>
/// <param name="Warnings">What may go wrong or be unintended.</param>
public sealed record PlannedRun(
    SweepPoint Point, RunOptions Options, RunPlan? Plan, double? EstimatedSeconds, IReadOnlyList<OptionProblem> Problems,
    IReadOnlyList<OptionProblem> Warnings)
{
    /// <summary>Whether it learns the classes of labelled examples.</summary>
    public bool LearnsClasses { get; init; }

    /// <summary>Whether there is a held-out part to measure it on.</summary>
    public bool IsMeasured { get; init; }

    /// <summary>Makes the queued run one of a sweep.</summary>
    internal void Join(Run run, Guid sweep)
    {
        run.SweepId = sweep;
        run.SweepPointJson = JsonSerializer.Serialize(new Dictionary<string, string>(Point.Labels), WebJson.Options);
    }
}

/// <summary>What a sweep would do.</summary>
/// <param name="Problems">Every reason why it cannot be launched, those of a point named with the point; empty when it can.</param>
public sealed record SweepPreview(IReadOnlyList<PlannedRun> Runs, IReadOnlyList<OptionProblem> Problems)
{
    /// <summary>What may go wrong or be unintended, each once.</summary>
    public IReadOnlyList<OptionProblem> Warnings => [.. Runs.SelectMany(run => run.Warnings).Distinct()];

    /// <summary>The rungs of successive halving; empty without it, and where they cannot be known.</summary>
    public IReadOnlyList<SweepRung> Rungs { get; init; } = [];

    /// <summary>Runs of points that a Bayesian search proposes later; taken to be like those that are known.</summary>
    public int RunsToCome { get; init; }

    /// <summary>Updates of all runs; null where one's cannot be known.</summary>
    public long? TotalUpdates => Runs.Count == 0 || Runs.Any(run => run.Plan is null) ? null
        : Rungs.Count > 0 ? SweepHalving.Updates(Rungs) * (Runs.Count / Rungs[0].Points) : WholeUpdates + (WholeUpdates * RunsToCome / Runs.Count);

    /// <summary>Time for all runs, one after the other, at the mean speed of whole runs; null where one's cannot be known.</summary>
    public TimeSpan? EstimatedTime => Runs.Count > 0 && Runs.All(run => run.EstimatedSeconds is not null) && TotalUpdates is long updates
        ? TimeSpan.FromSeconds(Math.Min(Runs.Sum(run => run.EstimatedSeconds!.Value) * updates / WholeUpdates, TimeSpan.MaxValue.TotalSeconds / 2))
        : null;

    // If every run that is known is trained to its end.
    private long WholeUpdates => Runs.Sum(run => (long)run.Plan!.TotalUpdates);
}

/// <summary>Turns plans of sweeps into queued runs: expands, checks and queues them.</summary>
public sealed class SweepPlanner(LaunchChecks checks, RunQueue queue)
{
    /// <summary>What the plan would do, and every reason why it cannot.</summary>
    public async Task<SweepPreview> CheckAsync(SweepPlan plan, CancellationToken cancel = default)
    {
        IReadOnlyList<OptionProblem> ofPlan = plan.Validate();
        if (ofPlan.Count > 0)
            return new SweepPreview([], ofPlan);
        IReadOnlyList<PlannedRun> runs = await PlanAsync(plan, plan.Expand(), cancel);
        // Runs of both tasks have no number in common.
        if (runs.Where(run => run.Problems.Count == 0).Select(run => plan.Metric.Problem(run)).FirstOrDefault(problem => problem is not null) is string unfit)
            return new SweepPreview(runs, [.. Gather(runs), new OptionProblem("metric", unfit)]);
        if (plan.Strategy == SweepStrategy.Bayesian)
            // What may be proposed later shall be able to run as well: each end of what varies is looked at, beside the first point's other values.
            return new SweepPreview(runs, [.. Gather([.. runs, .. await PlanAsync(plan, plan.Ends(), cancel)])]) { RunsToCome = plan.RunCount - runs.Count };
        List<OptionProblem> problems = [.. Gather(runs)];
        if (plan.Halving is not SweepHalving halving || problems.Count > 0 || runs.Any(run => run.Plan is null))
            return new SweepPreview(runs, problems);
        int[] updates = [.. runs.Select(run => run.Plan!.TotalUpdates)];
        problems.AddRange(halving.Validate(plan.PointCount, updates));
        return new SweepPreview(runs, problems) { Rungs = problems.Count == 0 ? halving.Rungs(plan.PointCount, updates[0]) : [] };
    }

    /// <summary>What the runs of these points of a plan would do.</summary>
    internal async Task<IReadOnlyList<PlannedRun>> PlanAsync(SweepPlan plan, IEnumerable<SweepPoint> points, CancellationToken cancel)
    {
        List<PlannedRun> runs = [];
        // Points that differ in their seeds alone are the same to the checks, which read models and corpus: they are made once.
        Dictionary<string, PlannedRun> alike = [];
        foreach (SweepPoint point in points)
        {
            (RunOptions options, IReadOnlyList<OptionProblem> unread) = plan.OptionsOf(point);
            IReadOnlyList<OptionProblem> unfit = unread.Count > 0 ? unread : [.. SweepPlan.Unwritable(options)];
            if (unfit.Count > 0)
            {
                runs.Add(new PlannedRun(point, options, null, null, unfit, []));
                continue;
            }
            string key = JsonSerializer.Serialize(options with { Name = "", Seed = 0 }, WebJson.Options);
            if (!alike.TryGetValue(key, out PlannedRun? known))
            {
                RunForecast forecast = await checks.ForecastAsync(options with { Name = "" }, cancel);
                alike[key] = known =
                    new PlannedRun(point, options, forecast.Plan, forecast.EstimatedSeconds, forecast.Problems, forecast.Warnings) { LearnsClasses = forecast.LearnsClasses, IsMeasured = forecast.IsMeasured };
            }
            OptionProblem? name = Names.Problem("name", options.Name);
            runs.Add(known with { Point = point, Options = options, Problems = name is null ? known.Problems : [.. known.Problems, name] });
        }
        return runs;
    }

    /// <summary>Queues every run of the plan that is known, in order, or none.</summary>
    /// <exception cref="OptionsInvalidException">It cannot be launched; lists every reason.</exception>
    public async Task<Sweep> LaunchAsync(SweepPlan plan, CancellationToken cancel = default)
    {
        SweepPreview preview = await CheckAsync(plan, cancel);
        if (preview.Problems.Count > 0)
            throw new OptionsInvalidException(preview.Problems);
        var sweep = new Sweep
        {
            Id = Guid.CreateVersion7(),
            Name = plan.Name.Trim(),
            PlanJson = JsonSerializer.Serialize(plan, WebJson.Options),
            PointsToCome = plan.Strategy == SweepStrategy.Bayesian ? plan.Draws - plan.FirstPoints : null,
            CreatedAt = DateTime.UtcNow,
        };
        await queue.EnqueueAllAsync([.. preview.Runs.Select(run => run.Options)], (db, runs) =>
        {
            db.Sweeps.Add(sweep);
            foreach ((Run run, PlannedRun planned) in runs.Zip(preview.Runs))
            {
                planned.Join(run, sweep.Id);
                run.RestAtStep = plan.Halving?.FirstRungUpdates;
            }
        }, cancel);
        return sweep;
    }

    // What every point has is the options' problem; what only some have is named with the first of them.
    private static IEnumerable<OptionProblem> Gather(IReadOnlyList<PlannedRun> runs) => runs
        .SelectMany((run, index) => run.Problems.Select(problem => (Problem: problem, Index: index)))
        .GroupBy(found => found.Problem)
        .Select(found =>
        {
            int[] points = [.. found.Select(f => f.Index).Distinct()];
            if (points.Length == runs.Count)
                return found.Key with { Field = $"options.{found.Key.Field}" };
            string others = points.Length switch
            {
                1 => "",
                2 => " and one more point",
                _ => $" and {points.Length - 1} more points",
            };
            return new OptionProblem(
                $"points[{points[0]}].{found.Key.Field}", $"At {runs[points[0]].Point.Title}{others}: {found.Key.Message}");
        });
}
