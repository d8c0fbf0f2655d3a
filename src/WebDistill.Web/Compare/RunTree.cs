using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Compare;

/// <summary>One entry of the runs to choose from: a run, or a sweep with its runs.</summary>
/// <param name="Sweep">The sweep's id and name; null for a run that belongs to none.</param>
/// <param name="Count">How many runs it has that match.</param>
/// <param name="Runs">The run, or those of a sweep that is open, in the order in which they were queued.</param>
public sealed record RunBranch((Guid Id, string Name)? Sweep, int Count, IReadOnlyList<Run> Runs);

/// <summary>Runs to choose from, those of a sweep under its name.</summary>
/// <param name="Branches">The newest ones first.</param>
/// <param name="Left">Entries that match too and are not among them.</param>
public sealed record RunTree(IReadOnlyList<RunBranch> Branches, int Left)
{
    /// <summary>Reads the newest entries whose names hold every word of a filter.</summary>
    /// <param name="open">The sweeps whose runs are read as well.</param>
    public static async Task<RunTree> ReadAsync(IDbContextFactory<WebDistillDb> contexts, string filter, IReadOnlyCollection<Guid> open, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Run> runs = db.Runs.AsNoTracking();
        foreach (string word in Lists.Words(filter))
            runs = runs.Where(run => run.Name.ToUpper().Contains(word));
        // A sweep stands where its newest run does, for which it is counted once.
        IQueryable<Run> heads = runs.Where(run => run.SweepId == null || !runs.Any(other => other.SweepId == run.SweepId && other.QueueOrder > run.QueueOrder));
        int total = await heads.CountAsync(cancel);
        List<Run> newest = await heads.OrderByDescending(run => run.QueueOrder).ThenByDescending(run => run.Id).Take(Lists.PageRows).ToListAsync(cancel);
        Guid[] sweeps = [.. newest.Select(run => run.SweepId).OfType<Guid>()], read = [.. sweeps.Intersect(open)];
        Dictionary<Guid, int> counts = await runs.Where(run => run.SweepId != null && sweeps.Contains(run.SweepId.Value))
            .GroupBy(run => run.SweepId!.Value).Select(sweep => new { sweep.Key, Count = sweep.Count() }).ToDictionaryAsync(sweep => sweep.Key, sweep => sweep.Count, cancel);
        ILookup<Guid, Run> members = (await runs.Where(run => run.SweepId != null && read.Contains(run.SweepId.Value)).OrderBy(run => run.QueueOrder).ToListAsync(cancel))
            .ToLookup(run => run.SweepId!.Value);
        Dictionary<Guid, string> names = await db.Sweeps.Where(sweep => sweeps.Contains(sweep.Id)).ToDictionaryAsync(sweep => sweep.Id, sweep => sweep.Name, cancel);
        return new RunTree(
            [.. newest.Select(run => run.SweepId is Guid sweep
                ? new RunBranch((sweep, names.GetValueOrDefault(sweep, "Deleted sweep")), counts.GetValueOrDefault(sweep), [.. members[sweep]]) : new RunBranch(null, 1, [run]))],
            total - newest.Count);
    }
}
