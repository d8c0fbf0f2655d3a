using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Sweeps;

/// <summary>Reads sweeps with their runs.</summary>
public sealed class SweepReports(IDbContextFactory<WebDistillDb> contexts)
{
    /// <summary>Sweeps, newest first: the newest ones, or those that follow another one.</summary>
    /// <inheritdoc cref="Lists.AfterAsync"/>
    public async Task<IReadOnlyList<SweepReport>> ListAsync(
        Guid? after = null, int limit = Lists.DefaultLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await ReportAsync(db, await db.Sweeps.AsNoTracking().AfterAsync(after, limit, "sweep", cancel), cancel);
    }

    /// <summary>A piece of the table of sweeps, newest first.</summary>
    public async Task<Slice<SweepReport>> SliceAsync(int first, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Slice<Sweep> sweeps = await db.Sweeps.AsNoTracking().NewestFirst().SliceAsync(first, cancel);
        return new Slice<SweepReport>(await ReportAsync(db, sweeps.Rows, cancel), sweeps.First, sweeps.Total);
    }

    /// <summary>The newest sweeps whose names have some words in them.</summary>
    public async Task<IReadOnlyList<Sweep>> NamedAsync(string words, int most, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Sweep> sweeps = db.Sweeps.AsNoTracking();
        foreach (string word in Lists.Words(words))
            sweeps = sweeps.Where(sweep => sweep.Name.ToUpper().Contains(word));
        return await sweeps.NewestFirst().Take(most).ToListAsync(cancel);
    }

    /// <summary>One sweep.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<SweepReport> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Sweep sweep = await db.Sweeps.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel) ?? throw NotFoundException.Of("sweep", id);
        return (await ReportAsync(db, [sweep], cancel))[0];
    }

    // However many sweeps there are, their runs are read by one query and what they measured by another.
    private static async Task<IReadOnlyList<SweepReport>> ReportAsync(WebDistillDb db, IReadOnlyList<Sweep> sweeps, CancellationToken cancel)
    {
        Guid[] ids = [.. sweeps.Select(sweep => sweep.Id)];
        ILookup<Guid, Run> runs = (await db.Runs.AsNoTracking().Where(run => run.SweepId != null && ids.Contains(run.SweepId.Value)).ToListAsync(cancel))
            .ToLookup(run => run.SweepId!.Value);
        Guid[] measured = [.. sweeps.Where(sweep => SweepPlan.Of(sweep).Metric.IsBestOfRun())
            .SelectMany(sweep => runs[sweep.Id]).Select(run => run.Id)];
        IReadOnlyDictionary<Guid, MeasuredPair> lowest = measured.Length > 0
            ? await db.BestAsync(measured, cancel)
            : new Dictionary<Guid, MeasuredPair>();
        return [.. sweeps.Select(sweep => SweepReport.Of(sweep, runs[sweep.Id], lowest))];
    }
}
