using Microsoft.EntityFrameworkCore;
using WebDistill.Data;

namespace WebDistill.Web.Sweeps;

/// <summary>Reads sweeps with their runs.</summary>
public sealed class SweepReports(IDbContextFactory<WebDistillDb> contexts)
{
    /// <summary>Every sweep, newest first.</summary>
    public async Task<IReadOnlyList<SweepReport>> ListAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<Sweep> sweeps = await db.Sweeps.AsNoTracking().OrderByDescending(sweep => sweep.CreatedAt).ThenByDescending(sweep => sweep.Id)
            .ToListAsync(cancel);
        ILookup<Guid, Run> runs = (await db.Runs.AsNoTracking().Where(run => run.SweepId != null).ToListAsync(cancel))
            .ToLookup(run => run.SweepId!.Value);
        List<SweepReport> reports = [];
        foreach (Sweep sweep in sweeps)
            reports.Add(await ReportAsync(db, sweep, [.. runs[sweep.Id]], cancel));
        return reports;
    }

    /// <summary>One sweep.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<SweepReport> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Sweep sweep = await db.Sweeps.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel) ?? throw NotFound(id);
        return await ReportAsync(db, sweep, await db.Runs.AsNoTracking().Where(run => run.SweepId == id).ToListAsync(cancel), cancel);
    }

    /// <summary>A sweep's name; null when there is none with that id.</summary>
    public async Task<string?> FindNameAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return (await db.Sweeps.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel))?.Name;
    }

    private static async Task<SweepReport> ReportAsync(WebDistillDb db, Sweep sweep, List<Run> runs, CancellationToken cancel) =>
        SweepReport.Of(sweep, runs, SweepPlan.Of(sweep).Metric == SweepMetric.BestValidationPerplexity
            ? await db.LowestPerplexitiesAsync([.. runs.Select(run => run.Id)], cancel)
            : new Dictionary<Guid, (double Perplexity, double? NatsPerToken, int Step)>());

    internal static NotFoundException NotFound(Guid id) => new($"There is no sweep {id}; it may have been deleted.");
}
