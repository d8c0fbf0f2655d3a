using Microsoft.EntityFrameworkCore;
using WebDistill.Data;

namespace WebDistill.Web.Storage;

/// <summary>What happens to the stored state before the server answers anyone.</summary>
internal static class StorageStartup
{
    /// <summary>
    /// Creates or migrates the database, marks the runs that an earlier process left running as interrupted, and removes the files that
    /// no row names.
    /// </summary>
    public static async Task PrepareStorageAsync(this WebApplication app)
    {
        var contexts = app.Services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
        await SqliteDatabase.MigrateAsync(contexts);
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        foreach (Run run in await db.Runs.Where(run => run.Status == RunStatus.Running).ToListAsync())
        {
            run.Status = RunStatus.Interrupted;
            run.Error = $"The server ended while this run was training, after {run.Step} recorded updates. Its steps and checkpoints are "
                + "kept.";
            run.FinishedAt = DateTime.UtcNow;
            db.LogLines.Add(new LogLine { RunId = run.Id, At = DateTime.UtcNow, Text = $"{run.Status}: {run.Error}" });
            app.Logger.LogWarning("Run {RunId} ({Name}): {Error}", run.Id, run.Name, run.Error);
        }
        await db.SaveChangesAsync();
        app.Services.GetRequiredService<DataFolder>().RemoveLeftOvers(
            (await db.Models.Select(model => model.Id).ToListAsync()).ToHashSet(),
            (await db.Datasets.Select(dataset => dataset.Id).ToListAsync()).ToHashSet(),
            (await db.Runs.Select(run => run.Id).ToListAsync()).ToHashSet());
    }
}
