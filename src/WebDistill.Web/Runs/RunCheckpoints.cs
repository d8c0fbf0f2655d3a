using WebDistill.Data;
using WebDistill.Distillation.Checkpoints;

namespace WebDistill.Web.Runs;

/// <summary>Brings the rows of a run's checkpoints in line with what stands on the disk, which is the truth.</summary>
internal static class RunCheckpoints
{
    /// <summary>Adds and removes rows; the caller saves.</summary>
    public static void List(WebDistillDb db, Guid runId, CheckpointStore store)
    {
        Dictionary<int, Checkpoint> rows = db.Checkpoints.Where(row => row.RunId == runId).ToDictionary(row => row.Step);
        foreach (CheckpointManifest manifest in store.List())
        {
            if (rows.Remove(manifest.Step, out Checkpoint? row) && row.WeightsSha256 == manifest.WeightsSha256
                && row.Bytes == manifest.Bytes)
                continue;
            if (row is null)
                db.Checkpoints.Add(row = new Checkpoint { Id = Guid.CreateVersion7(), RunId = runId, Step = manifest.Step, WeightsSha256 = "" });
            row.CreatedAt = manifest.SavedAt;
            row.Bytes = manifest.Bytes;
            row.WeightsSha256 = manifest.WeightsSha256;
            row.ValidationPerplexity = manifest.ValidationPerplexity;
            row.ValidationNatsPerToken = manifest.ValidationNatsPerToken;
        }
        db.Checkpoints.RemoveRange(rows.Values);
    }
}
