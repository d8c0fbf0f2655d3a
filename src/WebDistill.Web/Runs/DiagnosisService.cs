using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;

namespace WebDistill.Web.Runs;

/// <summary>What was found by looking at the inside of runs.</summary>
public sealed class DiagnosisService(IDbContextFactory<WebDistillDb> contexts, SharedReads shared)
{
    /// <summary>Those of a run after the update <paramref name="after"/>, in order, at most <paramref name="limit"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<Diagnosis>> ListAsync(Guid runId, long after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(runId, cancel);
        return [.. (await db.Diagnoses.AsNoTracking().Where(one => one.RunId == runId && one.Step > after).OrderBy(one => one.Step).Take(limit)
            .Select(one => one.Json).ToListAsync(cancel)).Select(Read)];
    }

    /// <summary>The updates at which a run was looked at, in order; asked for once by all who watch it.</summary>
    public Task<IReadOnlyList<int>> StepsAsync(Guid runId, CancellationToken cancel = default) =>
        shared.ReadAsync<IReadOnlyList<int>>(("diagnoses", runId), async () =>
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync();
            return await db.Diagnoses.Where(one => one.RunId == runId).OrderBy(one => one.Step).Select(one => one.Step).ToListAsync();
        }, cancel);

    /// <summary>Those of some updates, in order; updates at which the run was not looked at are left out.</summary>
    public async Task<IReadOnlyList<Diagnosis>> ReadAsync(Guid runId, IReadOnlyCollection<int> steps, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return [.. (await db.Diagnoses.AsNoTracking().Where(one => one.RunId == runId && steps.Contains(one.Step)).OrderBy(one => one.Step)
            .Select(one => one.Json).ToListAsync(cancel)).Select(Read)];
    }

    private static Diagnosis Read(string json) => JsonSerializer.Deserialize<Diagnosis>(json, WebJson.Measured)!;
}
