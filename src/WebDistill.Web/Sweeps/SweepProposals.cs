using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>
/// Goes on with Bayesian searches: when every run of a sweep has ended, the next point is proposed from what they came to. In one transaction its runs are queued
/// and the points that are still to come are counted down, so that a process that ends in between neither loses a point nor makes one twice.
/// </summary>
public sealed class SweepProposals(IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, SweepReports reports, SweepPlanner planner, RunQueue queue, RunAnnouncements announcements)
{
    // Points that are looked at, the most promising ones first, before it is said that none can be made.
    private const int MostLooked = 50;

    private static readonly RunStatus[] s_ended = [RunStatus.Completed, RunStatus.Failed, RunStatus.Stopped];

    /// <summary>Looks at every sweep that has a point to come and no run that is still to end.</summary>
    public async Task AdvanceAllAsync(CancellationToken cancel = default)
    {
        Guid[] waiting;
        await using (WebDistillDb db = await contexts.CreateDbContextAsync(cancel))
            waiting = await db.Sweeps.Where(sweep => sweep.PointsToCome > 0 && !db.Runs.Any(run => run.SweepId == sweep.Id && !s_ended.Contains(run.Status)))
                .Select(sweep => sweep.Id).ToArrayAsync(cancel);
        foreach (Guid id in waiting)
        {
            try
            {
                await AdvanceAsync(id, cancel);
            }
            catch (Exception e) when (e is NotFoundException or ConflictException)
            {
                // Deleted or stopped in the same moment, or the queue is full: there is nothing to propose, or another look when a run has begun.
            }
        }
    }

    /// <summary>Proposes the next point of a sweep and queues its runs, if there is one to come and all runs have ended.</summary>
    /// <exception cref="NotFoundException">There is no such sweep.</exception>
    /// <exception cref="ConflictException">The queue is full, or the sweep was stopped in the same moment.</exception>
    public async Task AdvanceAsync(Guid id, CancellationToken cancel = default)
    {
        SweepReport report = await reports.GetAsync(id, cancel);
        if (report.PointsToCome == 0 || report.Runs.Any(run => !s_ended.Contains(run.Run.Status)))
            return;
        if (report.RunCount == 0)
        {
            await EndAsync(id, "Every run of the sweep was deleted: there is nothing to propose a point from.", cancel);
            return;
        }
        string? refused = null;
        foreach (IReadOnlyList<SweepValue>[] draw in SweepProposer.Ranked(report.Plan, [.. report.Groups.Select(group => Measured(report.Plan, group))]).Take(MostLooked))
        {
            IReadOnlyList<PlannedRun> runs = await planner.PlanAsync(report.Plan, report.Plan.PointsOf(draw), cancel);
            if (runs.SelectMany(run => run.Problems.Select(problem => $"{run.Point.Title}: {problem.Message}")).FirstOrDefault() is string problem)
            {
                refused ??= problem;
                continue;
            }
            await queue.EnqueueAllAsync([.. runs.Select(run => run.Options)], (db, queued) =>
            {
                Sweep row = db.Sweeps.Find(id) ?? throw NotFoundException.Of("sweep", id);
                if (row.PointsToCome != report.PointsToCome)
                    throw new ConflictException($"The sweep '{row.Name}' was stopped, or went on, in the same moment: no point is proposed now.");
                row.PointsToCome--;
                foreach ((Run run, PlannedRun planned) in queued.Zip(runs))
                    planned.Join(run, id);
            }, cancel);
            return;
        }
        await EndAsync(id, refused is null ? "Every point that there is was tried."
            : $"None of the {MostLooked} most promising points can be made. {refused}", cancel);
    }

    /// <summary>Proposes no further point of a sweep.</summary>
    /// <param name="why">What its page says.</param>
    internal async Task EndAsync(Guid id, string why, CancellationToken cancel)
    {
        Guid[] runs = await writer.WriteAsync(async db =>
        {
            if (await db.Sweeps.FindAsync([id], cancel) is not { PointsToCome: > 0 } row)
                return [];
            (row.PointsToCome, row.ProposalsEndedBecause) = (0, why);
            await db.SaveChangesAsync(cancel);
            return await db.Runs.Where(run => run.SweepId == id).Select(run => run.Id).Take(1).ToArrayAsync(cancel);
        }, cancel);
        foreach (Guid run in runs)
            announcements.Announce(run);
    }

    /// <summary>A point with what its runs came to.</summary>
    internal static MeasuredPoint Measured(SweepPlan plan, SweepGroup group)
    {
        Dictionary<string, string> labels = new(group.Labels);
        IReadOnlyList<SweepValue>[] draw = [.. plan.Dimensions.Select(dimension => dimension switch
        {
            { IsOfSeeds: true } => dimension.Values,
            { Range: SweepRange range } => [SweepValue.Of(range.Option, RunDraft.ParseNumber(labels[dimension.Name])) with { Label = labels[dimension.Name] }],
            _ => (IReadOnlyList<SweepValue>)[dimension.Values.First(value => value.Label == labels[dimension.Name])],
        })];
        double?[] values = [.. group.Runs.Select(run => run.Counts ? Modelled(plan.Metric, run.Value!.Value) : null)];
        return new MeasuredPoint(draw, values.All(value => value is not null) ? [.. values.Select(value => value!.Value)] : null);
    }

    // Perplexities are exponentials of losses: 4 and 5 differ by as much as 400 and 500. The gap is a ratio of two of them, less 1.
    private static double? Modelled(SweepMetric metric, double value)
    {
        double modelled = metric switch
        {
            SweepMetric.GapToTeacher => Math.Log(1 + value),
            SweepMetric.TotalLoss => value,
            _ when metric.IsOfClasses() => metric.Cost(value),
            _ => Math.Log(value),
        };
        return double.IsFinite(modelled) ? modelled : null;
    }
}
