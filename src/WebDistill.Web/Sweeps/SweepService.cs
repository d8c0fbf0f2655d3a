using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>What is done with a whole sweep.</summary>
public sealed class SweepService(SweepReports reports, RunService runs, RunCommands commands, SweepProposals proposals, DatabaseWriter writer, RunAnnouncements announcements)
{
    /// <summary>Ends every run of the sweep that waits, trains or rests, and proposes no further point; those that train save their state first.</summary>
    /// <returns>How many were stopped.</returns>
    /// <exception cref="NotFoundException">There is no such sweep.</exception>
    public async Task<int> StopAsync(Guid id, CancellationToken cancel = default)
    {
        SweepReport report = await reports.GetAsync(id, cancel);
        int stopped = 0;
        await proposals.EndAsync(id, $"Stopped: {Figures.Counted(report.PointsToCome, "point was", "points were")} still to be proposed.", cancel);
        // The last one first: whatever trains is asked at the end, when nothing of the sweep is left to take its place.
        foreach (SweepRun run in report.Runs.Where(run => RunCommands.CanStop(run.Run) && run.Run.Status != RunStatus.Stopping)
            .OrderBy(run => run.Run.IsActive).ThenByDescending(run => run.Run.QueueOrder).ToList())
        {
            try
            {
                await commands.StopAsync(run.Run.Id, cancel);
                stopped++;
            }
            catch (Exception e) when (e is ConflictException or NotFoundException)
            {
                // It has just ended, or was deleted: there is nothing to stop.
            }
        }
        return stopped;
    }

    /// <summary>Removes a sweep. Models that its runs made stay.</summary>
    /// <param name="withRuns">Removes its runs with their steps, logs and checkpoints; otherwise they stay as runs of their own.</param>
    /// <exception cref="NotFoundException">There is no such sweep.</exception>
    /// <exception cref="ConflictException">The runs are to go and one of them trains, or another run waits for one.</exception>
    public async Task DeleteAsync(Guid id, bool withRuns, CancellationToken cancel = default)
    {
        SweepReport report = await reports.GetAsync(id, cancel);
        if (withRuns)
        {
            if (report.Runs.FirstOrDefault(run => run.Run.IsActive) is SweepRun active)
                throw new ConflictException($"The run '{active.Run.Name}' is {active.Run.Status}. Stop the sweep first, or keep its runs.");
            // Looked for before the first run is gone: what is refused leaves everything as it is.
            HashSet<Guid> ids = [.. report.Runs.Select(run => run.Run.Id)];
            if (await runs.FirstWaitingAsync(ids, cancel) is Run waiting)
                throw new ConflictException($"The run '{waiting.Name}' waits for the run '"
                    + $"{report.Runs.First(run => run.Run.Id == waiting.AfterRunId).Run.Name}' of this sweep. Stop or delete it first, or keep the sweep's runs.");
            // No point is proposed from what is left of it meanwhile.
            await proposals.EndAsync(id, "The sweep is being deleted.", cancel);
            foreach (SweepRun run in report.Runs.OrderByDescending(run => run.Run.QueueOrder).ToList())
                await runs.DeleteAsync(run.Run.Id, cancel);
        }
        Guid[] kept = await writer.WriteAsync(async db =>
        {
            List<Run> left = await db.Runs.Where(run => run.SweepId == id).ToListAsync(cancel);
            foreach (Run run in left)
                (run.SweepId, run.SweepPointJson, run.RestAtStep) = (null, null, null);
            db.Sweeps.RemoveRange(await db.Sweeps.Where(sweep => sweep.Id == id).ToListAsync(cancel));
            await db.SaveChangesAsync(cancel);
            return left.Select(run => run.Id).ToArray();
        }, cancel);
        foreach (Guid run in kept)
            announcements.Announce(run);
    }
}
