using System.Globalization;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Jobs;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;

namespace WebDistill.Web;

/// <summary>What happens to the stored state before anything else does.</summary>
internal static class StorageStartup
{
    /// <summary>
    /// Puts a backup in its place that waits for it, creates or migrates the database, tells the truth about the runs that an earlier process
    /// left unfinished, removes writes that were cut off, and moves what no row names to the trash.
    /// </summary>
    public static async Task PrepareStorageAsync(this IServiceProvider services)
    {
        var contexts = services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
        var folder = services.GetRequiredService<DataFolder>();
        var health = services.GetRequiredService<StorageHealth>();
        health.MakeRoomToStart();
        folder.RemoveCutOffWrites();
        (bool restored, _) = DatabaseRestore.Apply(folder, services.GetRequiredService<ILogger<DataFolder>>());
        await SqliteDatabase.MigrateAsync(contexts);
        health.Look();
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        // Paused by the disk is one that waited for the disk with its state in memory, and was to go on by itself.
        foreach (Run run in await db.Runs.AsNoTracking()
            .Where(run => Run.ActiveStatuses.Contains(run.Status) || run.Status == RunStatus.Paused && run.ErrorCause == RunErrorCause.Disk).ToListAsync())
            await TellTheTruthAsync(services, run);
        await services.GetRequiredService<TrashBin>().TidyAsync();
        if (restored)
            await BringInLineAsync(services, db, folder);
    }

    /// <summary>Puts the interrupted runs back into the queue, where they stood; one that never gets to an update is given up.</summary>
    public static async Task ResumeInterruptedAsync(this IServiceProvider services)
    {
        var lifecycle = services.GetRequiredService<RunLifecycle>();
        await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        foreach (Run run in await db.Runs.AsNoTracking().Where(run => run.Status == RunStatus.Interrupted).ToListAsync())
        {
            if (run.FruitlessAttempts >= RunLifecycle.MostFruitlessAttempts)
                await lifecycle.MoveAsync(run.Id, _ => RunStatus.Failed, (_, failed) => failed.FruitlessAttempts = 0,
                    $"The server ended {run.FruitlessAttempts} times before this run recorded an update: it may be what ends it, for "
                    + "example by taking all memory. Resume it to try again, or clone it with a smaller batch size or context length.");
            else
                await lifecycle.MoveAsync(run.Id, _ => RunStatus.Queued);
        }
    }

    private static async Task TellTheTruthAsync(IServiceProvider services, Run run)
    {
        var folder = services.GetRequiredService<DataFolder>();
        string error = string.Create(CultureInfo.InvariantCulture,
            $"The server ended while this run was training, after {run.Step} recorded updates.");
        IReadOnlyList<CheckpointManifest> complete = folder.CheckpointsOf(run.Id).List();
        await services.GetRequiredService<RunLifecycle>().MoveAsync(
            run.Id, now => RunLifecycle.Resolve(now.Status, RunStatus.Interrupted),
            (db, _) => RunCheckpoints.List(db, run.Id, complete), error);
    }

    /// <summary>
    /// After a backup took the database's place: checkpoints were saved and removed since it was made, and what waited then may have been
    /// done or dropped. Nothing starts by itself on the word of an old queue.
    /// </summary>
    private static async Task BringInLineAsync(IServiceProvider services, WebDistillDb db, DataFolder folder)
    {
        var writer = services.GetRequiredService<DatabaseWriter>();
        var lifecycle = services.GetRequiredService<RunLifecycle>();
        foreach (var run in await db.Runs.Select(run => new { run.Id, run.Status }).ToListAsync())
        {
            IReadOnlyList<CheckpointManifest> complete = folder.CheckpointsOf(run.Id).List();
            await writer.WriteAsync(async rows =>
            {
                RunCheckpoints.List(rows, run.Id, complete);
                await rows.SaveChangesAsync();
            });
            if (run.Status is RunStatus.Queued or RunStatus.Interrupted)
                await lifecycle.MoveAsync(run.Id, _ => RunStatus.Stopped,
                    error: "It had not ended when the backup was made that the database was restored from. Resume it if it is still wanted.");
        }
    }
}
