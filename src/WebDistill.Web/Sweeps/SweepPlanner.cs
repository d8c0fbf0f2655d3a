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
    IReadOnlyList<OptionProblem> Warnings);

/// <summary>What a sweep would do.</summary>
/// <param name="Problems">Every reason why it cannot be launched, those of a point named with the point; empty when it can.</param>
public sealed record SweepPreview(IReadOnlyList<PlannedRun> Runs, IReadOnlyList<OptionProblem> Problems)
{
    /// <summary>What may go wrong or be unintended, each once.</summary>
    public IReadOnlyList<OptionProblem> Warnings => [.. Runs.SelectMany(run => run.Warnings).Distinct()];

    /// <summary>Updates of all runs; null where one's cannot be known.</summary>
    public long? TotalUpdates =>
        Runs.Count > 0 && Runs.All(run => run.Plan is not null) ? Runs.Sum(run => (long)run.Plan!.TotalUpdates) : null;

    /// <summary>Time for all runs, one after the other; null where one's cannot be known.</summary>
    public TimeSpan? EstimatedTime => Runs.Count > 0 && Runs.All(run => run.EstimatedSeconds is not null)
        ? TimeSpan.FromSeconds(Math.Min(Runs.Sum(run => run.EstimatedSeconds!.Value), TimeSpan.MaxValue.TotalSeconds / 2))
        : null;
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
        List<PlannedRun> runs = [];
        // Points that differ in their seeds alone are the same to the checks, which read models and corpus: they are made once.
        Dictionary<string, PlannedRun> alike = [];
        foreach (SweepPoint point in plan.Expand())
        {
            (RunOptions options, IReadOnlyList<OptionProblem> unread) = plan.OptionsOf(point);
            if (unread.Count > 0)
            {
                runs.Add(new PlannedRun(point, options, null, null, unread, []));
                continue;
            }
            string key = JsonSerializer.Serialize(options with { Name = "", Seed = 0 }, WebJson.Options);
            if (!alike.TryGetValue(key, out PlannedRun? known))
            {
                RunForecast forecast = await checks.ForecastAsync(options with { Name = "" }, cancel);
                alike[key] = known =
                    new PlannedRun(point, options, forecast.Plan, forecast.EstimatedSeconds, forecast.Problems, forecast.Warnings);
            }
            OptionProblem? name = Names.Problem("name", options.Name);
            runs.Add(known with { Point = point, Options = options, Problems = name is null ? known.Problems : [.. known.Problems, name] });
        }
        return new SweepPreview(runs, [.. Gather(runs)]);
    }

    /// <summary>Queues every run of the plan, in order, or none.</summary>
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
            CreatedAt = DateTime.UtcNow,
        };
        await queue.EnqueueAllAsync([.. preview.Runs.Select(run => run.Options)], (db, runs) =>
        {
            db.Sweeps.Add(sweep);
            foreach ((Run run, PlannedRun planned) in runs.Zip(preview.Runs))
            {
                run.SweepId = sweep.Id;
                run.SweepPointJson = JsonSerializer.Serialize(
                    new Dictionary<string, string>(planned.Point.Labels), WebJson.Options);
            }
        }, cancel);
        return sweep;
    }

    // What every point has is the options' problem; what only some have is named with the first of them.
    private static IEnumerable<OptionProblem> Gather(List<PlannedRun> runs) => runs
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
