using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Jobs;

/// <summary>The rows of a run's checkpoints, which follow what stands on the disk: that is the truth.</summary>
internal static class RunCheckpoints
{
    /// <summary>Throws when the run has no checkpoint of that update.</summary>
    /// <exception cref="NotFoundException">There is no such run, or it has no complete checkpoint of that update.</exception>
    public static async Task RequireAsync(WebDistillDb db, Guid runId, int step, CancellationToken cancel)
    {
        await db.RequireRunAsync(runId, cancel);
        List<int> steps = await db.Checkpoints.Where(row => row.RunId == runId).OrderBy(row => row.Step).Select(row => row.Step).ToListAsync(cancel);
        if (!steps.Contains(step))
            throw new NotFoundException($"The run has no complete checkpoint of update {step}; it has those of: "
                + $"{(steps.Count == 0 ? "none" : string.Join(", ", steps))}.");
    }

    /// <summary>Adds and removes rows until they agree with the disk; the caller saves.</summary>
    /// <param name="complete">What the store lists: read before the writer's turn where only this thread changes the store.</param>
    public static void List(WebDistillDb db, Guid runId, IReadOnlyList<CheckpointManifest> complete)
    {
        Dictionary<int, Checkpoint> rows = db.Checkpoints.Where(row => row.RunId == runId).ToDictionary(row => row.Step);
        foreach (CheckpointManifest manifest in complete)
        {
            if (rows.Remove(manifest.Step, out Checkpoint? row) && row.WeightsSha256 == manifest.WeightsSha256
                && row.Bytes == manifest.Bytes)
                continue;
            if (row is null)
                db.Checkpoints.Add(row = new Checkpoint { Id = Guid.CreateVersion7(), RunId = runId, Step = manifest.Step, WeightsSha256 = "" });
            row.CreatedAt = manifest.SavedAt;
            row.Bytes = manifest.Bytes;
            row.WeightsSha256 = manifest.WeightsSha256;
            row.Put(manifest.Score);
        }
        db.Checkpoints.RemoveRange(rows.Values);
    }
}
