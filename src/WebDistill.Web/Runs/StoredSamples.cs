using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;

namespace WebDistill.Web.Runs;

/// <summary>That there are samples after an update.</summary>
/// <param name="MeanKlNats">Mean of the answers' mean KL(teacher ‖ student), nats per token; null without a teacher.</param>
public sealed record SampleMark(int Step, double? MeanKlNats);

/// <summary>What teacher and student of a run answered to its prompts, for pages and API alike.</summary>
public sealed class StoredSamples(IDbContextFactory<WebDistillDb> contexts, SharedReads shared)
{
    /// <summary>After which updates there are samples, in order.</summary>
    public Task<IReadOnlyList<SampleMark>> MarksAsync(Guid runId, CancellationToken cancel = default) =>
        shared.ReadAsync<IReadOnlyList<SampleMark>>(("samples", runId), async () =>
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync();
            var answers = await db.Samples.AsNoTracking().Where(sample => sample.RunId == runId)
                .OrderBy(sample => sample.Step).Select(sample => new { sample.Step, sample.MeanKlNats }).ToListAsync();
            return [.. answers.GroupBy(answer => answer.Step).Select(set => new SampleMark(set.Key, set.Average(answer => answer.MeanKlNats)))];
        }, cancel);

    /// <summary>The samples after an update; null when there are none.</summary>
    public Task<SampleSet?> FindAsync(Guid runId, int step, CancellationToken cancel = default) => shared.ReadAsync(("samples", runId, step), async () =>
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        List<Sample> rows = await db.Samples.AsNoTracking().Where(sample => sample.RunId == runId && sample.Step == step).ToListAsync();
        return rows.Count == 0 ? null : SampleRows.Read(step, rows);
    }, cancel);

    /// <summary>The samples after the update <paramref name="after"/>, in order.</summary>
    /// <param name="limit">Updates at most.</param>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<SampleSet>> ListAsync(Guid runId, long after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(runId, cancel);
        IQueryable<Sample> samples = db.Samples.AsNoTracking().Where(sample => sample.RunId == runId && sample.Step > after);
        List<int> steps = await samples.Select(sample => sample.Step).Distinct().OrderBy(step => step).Take(limit).ToListAsync(cancel);
        if (steps.Count == 0)
            return [];
        int last = steps[^1];
        List<Sample> rows = await samples.Where(sample => sample.Step <= last).ToListAsync(cancel);
        return [.. rows.GroupBy(row => row.Step).OrderBy(set => set.Key).Select(set => SampleRows.Read(set.Key, set))];
    }
}
