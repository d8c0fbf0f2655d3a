using System.Globalization;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Storage;

/// <summary>What happens to the stored state before anything else does.</summary>
internal static class StorageStartup
{
    /// <summary>
    /// Creates or migrates the database, tells the truth about the runs that an earlier process left unfinished, and removes the files
    /// that no row names.
    /// </summary>
    public static async Task PrepareStorageAsync(this IServiceProvider services)
    {
        var contexts = services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
        var folder = services.GetRequiredService<DataFolder>();
        var health = services.GetRequiredService<StorageHealth>();
        health.MakeRoomToStart();
        await SqliteDatabase.MigrateAsync(contexts);
        health.Look();
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        List<Run> runs = await db.Runs.AsNoTracking().ToListAsync();
        // Paused for a reason is one that waited for the disk with its state in memory, and was to go on by itself.
        foreach (Run run in runs.Where(run => run.IsActive || run is { Status: RunStatus.Paused, Error: not null }))
            await TellTheTruthAsync(services, run);
        folder.RemovePartialFiles();
        folder.RemoveLeftOvers(
            (await db.Models.Select(model => model.Id).ToListAsync()).ToHashSet(),
            (await db.Datasets.Select(dataset => dataset.Id).ToListAsync()).ToHashSet(),
            runs.Select(run => run.Id).ToHashSet());
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
        await services.GetRequiredService<RunLifecycle>().MoveAsync(
            run.Id, now => RunLifecycle.Resolve(now.Status, RunStatus.Interrupted),
            (db, _) => RunCheckpoints.List(db, run.Id, folder.CheckpointsOf(run.Id)), error);
    }
}
