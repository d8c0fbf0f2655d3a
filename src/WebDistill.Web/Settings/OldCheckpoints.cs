using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Settings;

/// <summary>Checkpoints of runs that have ended, without the newest and the best of each: what the disk can do without first.</summary>
public sealed class OldCheckpoints(IDbContextFactory<WebDistillDb> contexts, RunService runs)
{
    private static readonly RunStatus[] s_ended = [RunStatus.Completed, RunStatus.Stopped, RunStatus.Failed];

    /// <summary>How many there are and what they take.</summary>
    public async Task<CountedBytes> MeasureAsync(CancellationToken cancel = default) => Sum(await ListAsync(cancel));

    /// <summary>Removes them.</summary>
    /// <returns>How many went, and their bytes; one that is needed again by now stays.</returns>
    public async Task<CountedBytes> FreeAsync(CancellationToken cancel = default)
    {
        List<Checkpoint> freed = [];
        foreach (Checkpoint checkpoint in await ListAsync(cancel))
        {
            try
            {
                await runs.DeleteCheckpointAsync(checkpoint.RunId, checkpoint.Step, cancel);
                freed.Add(checkpoint);
            }
            catch (Exception e) when (e is NotFoundException or ConflictException)
            {
                // Its run was deleted meanwhile, or goes on.
            }
        }
        return Sum(freed);
    }

    private async Task<IReadOnlyList<Checkpoint>> ListAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<Checkpoint> all = await db.Checkpoints.AsNoTracking()
            .Where(checkpoint => db.Runs.Any(run => run.Id == checkpoint.RunId && s_ended.Contains(run.Status))).ToListAsync(cancel);
        return
        [
            .. all.GroupBy(checkpoint => checkpoint.RunId).SelectMany(run =>
            {
                int newest = run.Max(checkpoint => checkpoint.Step);
                int? best = run.Best()?.Step;
                return run.Where(checkpoint => checkpoint.Step != newest && checkpoint.Step != best);
            }),
        ];
    }

    private static CountedBytes Sum(IReadOnlyList<Checkpoint> checkpoints) => new(checkpoints.Count, checkpoints.Sum(checkpoint => checkpoint.Bytes));
}
