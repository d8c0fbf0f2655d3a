using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;

namespace WebDistill.Web.Runs;

/// <summary>The run that all others are compared with, one at a time. It goes with its run.</summary>
public sealed class PinnedBaseline(IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, RunAnnouncements announcements, SharedReads shared)
{
    /// <summary>The run; null while none is pinned.</summary>
    public Task<Run?> FindAsync(CancellationToken cancel = default) => shared.ReadAsync("pinned baseline", async () =>
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        return await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => db.PinnedRuns.Any(pinned => pinned.RunId == run.Id));
    }, cancel);

    /// <summary>Pins a run in the place of another one.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task PinAsync(Guid runId, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            await db.RequireRunAsync(runId, cancel);
            PinnedRun? pinned = await db.PinnedRuns.FindAsync([PinnedRun.OnlyId], cancel);
            if (pinned is null)
                db.PinnedRuns.Add(new PinnedRun { RunId = runId });
            else
                pinned.RunId = runId;
            await db.SaveChangesAsync(cancel);
        }, cancel);
        announcements.Announce(runId);
    }

    /// <summary>Pins no run any more.</summary>
    /// <returns>The run that was pinned; null where none was.</returns>
    public async Task<Guid?> UnpinAsync(CancellationToken cancel = default)
    {
        Guid? before = await writer.WriteAsync(async db =>
        {
            PinnedRun? pinned = await db.PinnedRuns.FindAsync([PinnedRun.OnlyId], cancel);
            if (pinned is null)
                return (Guid?)null;
            db.PinnedRuns.Remove(pinned);
            await db.SaveChangesAsync(cancel);
            return pinned.RunId;
        }, cancel);
        if (before is Guid runId)
            announcements.Announce(runId);
        return before;
    }
}
