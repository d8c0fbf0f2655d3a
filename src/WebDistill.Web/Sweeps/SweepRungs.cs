using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>
/// Decides at the rungs of successive halving who goes on. What is decided is written down before it is carried out, and what was written down and not
/// carried out, because the process ended in between, is carried out at the next look.
/// </summary>
public sealed class SweepRungs(IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, SweepReports reports, RunLifecycle lifecycle, RunQueue queue)
{
    /// <summary>Looks at every sweep of which a run rests at its rung.</summary>
    public async Task AdvanceAllAsync(CancellationToken cancel = default)
    {
        Guid[] waiting;
        await using (WebDistillDb db = await contexts.CreateDbContextAsync(cancel))
            waiting = await db.Runs.Where(run => run.Status == RunStatus.Paused && run.RestAtStep != null && run.SweepId != null)
                .Select(run => run.SweepId!.Value).Distinct().ToArrayAsync(cancel);
        foreach (Guid id in waiting)
        {
            try
            {
                await AdvanceAsync(id, cancel);
            }
            catch (NotFoundException)
            {
                // Deleted in the same moment: there is nothing to decide.
            }
        }
    }

    /// <summary>Carries out what is decided of a sweep, and decides its next rung if all runs of it are there.</summary>
    /// <exception cref="NotFoundException">There is no such sweep.</exception>
    public async Task AdvanceAsync(Guid id, CancellationToken cancel = default)
    {
        SweepReport report = await reports.GetAsync(id, cancel);
        if (report.Plan.Halving is null || report.UpdatesOfRun is not int updates)
            return;
        IReadOnlyList<SweepRung> rungs = report.Plan.Halving.Rungs(report.Plan.PointCount, updates);
        IReadOnlyList<DecidedRung> decided = DecidedRung.Of(report.Sweep);
        if (decided.Count > 0)
            await CarryOutAsync(report, rungs, decided.Count - 1, decided[^1], cancel);
        if (decided.Count >= rungs.Count - 1)
            return;
        SweepRung rung = rungs[decided.Count];
        SweepGroup[] taking = [.. report.Groups.Where(group => decided.Count == 0 || decided[^1].Entries.Any(entry => entry.GoesOn && entry.Point == group.Title))
            .OrderBy(group => group.Runs[0].Run.QueueOrder)];
        if (!taking.SelectMany(group => group.Runs).Any(run => Rests(run.Run, rung.Updates)) || !taking.SelectMany(group => group.Runs).All(run => HasReached(run.Run, rung.Updates)))
            return;
        IReadOnlyDictionary<Guid, double> values = await ValuesAsync(report, taking, rung.Updates, cancel);
        DecidedRung made = DecidedRung.Rank(rung.Updates, DateTime.UtcNow, [.. taking.Select(group => (group.Title, MeanOf(group, values)))], rungs[decided.Count + 1].Points, value => report.Plan.Metric.Cost(value));
        bool written = await writer.WriteAsync(async db =>
        {
            Sweep row = await db.Sweeps.FindAsync([id], cancel) ?? throw NotFoundException.Of("sweep", id);
            // Another look came first.
            if (row.RungsJson != report.Sweep.RungsJson)
                return false;
            row.RungsJson = JsonSerializer.Serialize<IReadOnlyList<DecidedRung>>([.. decided, made], WebJson.Measured);
            await db.SaveChangesAsync(cancel);
            return true;
        }, cancel);
        if (written)
            await CarryOutAsync(report, rungs, decided.Count, made, cancel);
        else
            await AdvanceAsync(id, cancel);
    }

    private async Task CarryOutAsync(SweepReport report, IReadOnlyList<SweepRung> rungs, int index, DecidedRung decided, CancellationToken cancel)
    {
        int? next = index + 1 < rungs.Count - 1 ? rungs[index + 1].Updates : null;
        var groups = report.Groups.ToDictionary(group => group.Title);
        // Each goes before all that wait: the first one last.
        foreach (RungEntry entry in decided.Entries.Reverse())
        {
            foreach (SweepRun run in groups.TryGetValue(entry.Point, out SweepGroup? group) ? group.Runs.Where(run => Rests(run.Run, decided.Updates)).Reverse() : [])
            {
                try
                {
                    await lifecycle.MoveAsync(run.Run.Id, now => !Rests(now, decided.Updates) ? now.Status : entry.GoesOn ? RunStatus.Queued : RunStatus.Stopped, (db, moved) =>
                    {
                        moved.RestAtStep = entry.GoesOn ? next : null;
                        if (entry.GoesOn)
                            moved.QueueOrder = RunQueue.Front(db);
                    }, entry.GoesOn ? null : decided.Stopped(entry), RunErrorCause.Halving, cancel);
                }
                catch (NotFoundException)
                {
                    // Deleted in the same moment.
                }
            }
        }
        queue.Wake();
    }

    // A run that a guard let rest waits for a person.
    private static bool Rests(Run run, int updates) => run is { Status: RunStatus.Paused, ErrorCause: null } && run.RestAtStep == updates && run.Step >= updates;

    // Or has ended before, and has no value there. An interrupted run goes on by itself, and one without a rest was raised by hand.
    private static bool HasReached(Run run, int updates) => run.Status is RunStatus.Completed or RunStatus.Failed or RunStatus.Stopped
        || run.Step >= updates && (run.Status == RunStatus.Paused || run.RestAtStep is null);

    private static double? MeanOf(SweepGroup group, IReadOnlyDictionary<Guid, double> values) =>
        group.Runs.All(run => values.ContainsKey(run.Run.Id)) ? group.Runs.Average(run => values[run.Run.Id]) : null;

    // The metric as it stood at that update; a run that failed has none, nor has one that a person stopped.
    private async Task<IReadOnlyDictionary<Guid, double>> ValuesAsync(SweepReport report, IReadOnlyList<SweepGroup> groups, int updates, CancellationToken cancel)
    {
        Run[] runs = [.. groups.SelectMany(group => group.Runs).Select(run => run.Run).Where(run => run.Status is not (RunStatus.Failed or RunStatus.Stopped))];
        Guid[] ids = [.. runs.Select(run => run.Id)];
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        if (report.Plan.Metric == SweepMetric.TotalLoss)
            return await db.StepRows.AsNoTracking().Where(row => ids.Contains(row.RunId) && row.Step == updates).ToDictionaryAsync(row => row.RunId, row => row.TotalLoss, cancel);
        if (report.Plan.Metric.IsOfClasses())
        {
            string accuracy = LoopSeries.ValidationAccuracy.Name;
            List<Measurement> told = await db.Measurements.AsNoTracking()
                .Where(one => ids.Contains(one.RunId) && one.Step > 0 && one.Step <= updates && one.Name == accuracy).ToListAsync(cancel);
            return told.GroupBy(one => one.RunId).Where(run => run.Any(one => one.Step == updates))
                .ToDictionary(run => run.Key, run => run.Where(one => report.Plan.Metric.IsBestOfRun() || one.Step == updates).Max(one => one.Value));
        }
        string name = LoopSeries.ValidationPerplexity.Name, logarithm = LoopSeries.ValidationNatsPerToken.Name;
        ILookup<Guid, Measurement> measured = (await db.Measurements.AsNoTracking()
            .Where(one => ids.Contains(one.RunId) && one.Step > 0 && one.Step <= updates && (one.Name == name || one.Name == logarithm)).ToListAsync(cancel)).ToLookup(one => one.RunId);
        Dictionary<Guid, double> values = [];
        foreach (Run run in runs)
        {
            Perplexity[] perplexities = [.. measured[run.Id].Where(one => one.Name == name && (report.Plan.Metric == SweepMetric.BestValidationPerplexity || one.Step == updates))
                .Select(one => Perplexity.Stored(one.Value, measured[run.Id].FirstOrDefault(other => other.Name == logarithm && other.Step == one.Step)?.Value)).OfType<Perplexity>()];
            double? value = perplexities.Length == 0 || measured[run.Id].All(one => one.Step != updates) ? null
                : report.Plan.Metric == SweepMetric.GapToTeacher ? run.Teacher() is Perplexity teacher ? perplexities[0].RelativeTo(teacher) : null
                : perplexities.Min(one => one.Value);
            if (value is double known)
                values[run.Id] = known;
        }
        return values;
    }
}
