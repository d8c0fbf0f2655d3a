using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>Which runs of all are shown.</summary>
public enum RunGroup { All, Active, Completed, Other }

/// <summary>What runs are ordered by.</summary>
public enum RunOrder { Status, Name, Size, Progress, Perplexity, Speed, Started, Duration }

/// <summary>A piece of the table of runs.</summary>
/// <param name="Filter">Words; each stands in the name or in the status of a run that matches.</param>
/// <param name="First">Rows before the piece.</param>
/// <param name="Tag">A tag of the runs; empty for any.</param>
public sealed record RunQuery(
    string Filter = "", RunGroup Group = RunGroup.All, RunOrder Order = RunOrder.Started, bool Descending = true, int First = 0, string Tag = "")
{
    /// <summary>Whether a sweep is one row, for which its newest run stands; who looks for some runs is shown each of them.</summary>
    public bool FoldsSweeps => Filter == "" && Tag == "" && Group == RunGroup.All;
}

/// <summary>A sweep as a row of the table of runs.</summary>
/// <param name="Runs">How many belong to it.</param>
/// <param name="Ended">How many of them have ended.</param>
/// <param name="Step">Updates that they have made.</param>
/// <param name="TotalSteps">Updates that they shall make.</param>
public sealed record SweepRow(Guid Id, string Name, int Runs, int Ended, long Step, long TotalSteps);

/// <summary>The runs that a page shows or offers, out of however many there are: chosen, ordered and cut by the database.</summary>
public sealed class RunTable(IDbContextFactory<WebDistillDb> contexts, SharedReads shared)
{
    private static readonly RunStatus[] _final = [.. Enum.GetValues<RunStatus>().Where(status => new Run { Name = "", OptionsJson = "", Status = status }.IsFinal)];

    /// <summary>A piece of the table.</summary>
    public Task<Slice<Run>> ReadAsync(RunQuery query, CancellationToken cancel = default) => shared.ReadAsync(query, async () =>
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        IQueryable<Run> runs = Matching(db, query);
        if (query.FoldsSweeps)
            runs = runs.Where(run => run.SweepId == null || !db.Runs.Any(other => other.SweepId == run.SweepId && other.QueueOrder > run.QueueOrder));
        return await Ordered(runs, query).SliceAsync(query.First, CancellationToken.None);
    }, cancel);

    /// <summary>What the table says of some sweeps that have runs.</summary>
    public async Task<IReadOnlyDictionary<Guid, SweepRow>> SweepsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        if (ids.Count == 0)
            return new Dictionary<Guid, SweepRow>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Sweeps.Where(sweep => ids.Contains(sweep.Id)).Select(sweep => new SweepRow(
            sweep.Id, sweep.Name,
            db.Runs.Count(run => run.SweepId == sweep.Id),
            db.Runs.Count(run => run.SweepId == sweep.Id && _final.Contains(run.Status)),
            db.Runs.Where(run => run.SweepId == sweep.Id).Sum(run => (long)run.Step),
            db.Runs.Where(run => run.SweepId == sweep.Id).Sum(run => (long)run.TotalSteps))).ToDictionaryAsync(sweep => sweep.Id, cancel);
    }

    /// <summary>The runs that came to rest last, the latest first.</summary>
    public Task<IReadOnlyList<Run>> EndedAsync(int most, CancellationToken cancel = default) => shared.ReadAsync<IReadOnlyList<Run>>(("ended", most), async () =>
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        return await db.Runs.AsNoTracking().Where(run => run.FinishedAt != null && _final.Contains(run.Status)).OrderByDescending(run => run.FinishedAt).Take(most).ToListAsync();
    }, cancel);

    /// <summary>The runs of a sweep, in the order in which they start.</summary>
    public async Task<IReadOnlyList<Run>> OfSweepAsync(Guid sweepId, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(run => run.SweepId == sweepId).OrderBy(run => run.QueueOrder).ToListAsync(cancel);
    }

    /// <summary>Those among <paramref name="ids"/> that exist, in any order.</summary>
    public async Task<IReadOnlyList<Run>> FindAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        if (ids.Count == 0)
            return [];
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(run => ids.Contains(run.Id)).ToListAsync(cancel);
    }

    /// <summary>The names of those among <paramref name="ids"/> that exist.</summary>
    public async Task<IReadOnlyDictionary<Guid, string>> NamesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        if (ids.Count == 0)
            return new Dictionary<Guid, string>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.Where(run => ids.Contains(run.Id)).Select(run => new { run.Id, run.Name })
            .ToDictionaryAsync(run => run.Id, run => run.Name, cancel);
    }

    /// <summary>The newest run; the newest distillation where there is one. Null when there is no run.</summary>
    public async Task<Run?> NewestAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().Where(run => run.Kind == RunKind.Distillation).NewestFirst().FirstOrDefaultAsync(cancel)
            ?? await db.Runs.AsNoTracking().NewestFirst().FirstOrDefaultAsync(cancel);
    }

    /// <summary>The completed distillation that ended last and whose teacher and student both exist; null when there is none.</summary>
    public async Task<Run?> NewestPairAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(run => run.Kind == RunKind.Distillation && run.Status == RunStatus.Completed
                && db.Models.Any(model => model.Id == run.TeacherId) && db.Models.Any(model => model.Id == run.StudentModelId))
            .OrderByDescending(run => run.FinishedAt).ThenByDescending(run => run.Id).FirstOrDefaultAsync(cancel);
    }

    /// <summary>
    /// The newest distillation that joins two models as its teacher and its student, or one of its checkpoints of <paramref name="runIds"/>;
    /// null when none does.
    /// </summary>
    public async Task<Run?> JoiningAsync(Guid left, Guid right, IReadOnlyCollection<Guid> runIds, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(run => run.Kind == RunKind.Distillation && (
                run.TeacherId == left && (run.StudentModelId == right || runIds.Contains(run.Id))
                || run.TeacherId == right && (run.StudentModelId == left || runIds.Contains(run.Id))))
            .NewestFirst().FirstOrDefaultAsync(cancel);
    }

    /// <summary>Whether a quick start made one of the models.</summary>
    public async Task<bool> IsOfQuickStartAsync(IReadOnlyCollection<Guid> models, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AnyAsync(
            run => run.QuickStartId != null && run.StudentModelId != null && models.Contains(run.StudentModelId.Value), cancel);
    }

    /// <summary>Runs that have checkpoints, newest first, with how many: at most as many as a list to choose from offers.</summary>
    public async Task<Slice<(Guid Id, string Name, int Checkpoints)>> WithCheckpointsAsync(string filter, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Run> runs = Matching(db, new RunQuery(filter)).Where(run => db.Checkpoints.Any(c => c.RunId == run.Id));
        var found = await runs.NewestFirst().Take(Lists.PageRows)
            .Select(run => new { run.Id, run.Name, Count = db.Checkpoints.Count(c => c.RunId == run.Id) }).ToListAsync(cancel);
        return new Slice<(Guid, string, int)>([.. found.Select(run => (run.Id, run.Name, run.Count))], 0, await runs.CountAsync(cancel));
    }

    /// <summary>
    /// Checkpoints, those of the newest run first and of a run the first one first: at most as many as a list offers. Those whose weights are a
    /// model's are that model; those of sweeps are found by their names.
    /// </summary>
    public async Task<Slice<(Checkpoint Checkpoint, string Run)>> CheckpointsAsync(string filter, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        var checkpoints = Matching(db, new RunQuery(filter)).Where(run => filter != "" || run.SweepId == null)
            .Join(db.Checkpoints.AsNoTracking().Where(saved => !db.Models.Any(model => model.WeightsSha256 == saved.WeightsSha256)), run => run.Id, checkpoint => checkpoint.RunId, (run, checkpoint) => new { run, checkpoint });
        var found = await checkpoints.OrderByDescending(pair => pair.run.CreatedAt).ThenByDescending(pair => pair.run.Id)
            .ThenBy(pair => pair.checkpoint.Step).Take(Lists.PageRows)
            .Select(pair => new { pair.checkpoint, pair.run.Name }).ToListAsync(cancel);
        return new Slice<(Checkpoint, string)>([.. found.Select(pair => (pair.checkpoint, pair.Name))], 0, await checkpoints.CountAsync(cancel));
    }

    private static IQueryable<Run> Matching(WebDistillDb db, RunQuery query)
    {
        IQueryable<Run> runs = db.Runs.AsNoTracking();
        if (query.Tag is { Length: > 0 } wanted)
            runs = runs.Where(run => db.RunTags.Any(tag => tag.RunId == run.Id && tag.Tag == wanted));
        foreach (string word in Lists.Words(query.Filter))
        {
            RunStatus[] meant = [.. Enum.GetValues<RunStatus>().Where(status => status.ToString().Contains(word, StringComparison.OrdinalIgnoreCase))];
            runs = runs.Where(run => run.Name.ToUpper().Contains(word) || meant.Contains(run.Status));
        }
        return query.Group switch
        {
            RunGroup.Active => runs.Where(run => !_final.Contains(run.Status)),
            RunGroup.Completed => runs.Where(run => run.Status == RunStatus.Completed),
            RunGroup.Other => runs.Where(run => run.Status != RunStatus.Completed && _final.Contains(run.Status)),
            _ => runs,
        };
    }

    private static IOrderedQueryable<Run> Ordered(IQueryable<Run> runs, RunQuery query)
    {
        double notANumber = double.NaN; // A parameter of the query, which passes the column's converter.
        IOrderedQueryable<Run> ordered = query.Order switch
        {
            // As a run's life goes: stored by its name, a status would be ordered by the alphabet.
            RunOrder.Status => By(run => run.Status == RunStatus.Queued ? 0 : run.Status == RunStatus.Preparing ? 1
                : run.Status == RunStatus.Running ? 2 : run.Status == RunStatus.Pausing ? 3 : run.Status == RunStatus.Paused ? 4
                : run.Status == RunStatus.Stopping ? 5 : run.Status == RunStatus.Stopped ? 6 : run.Status == RunStatus.Completed ? 7
                : run.Status == RunStatus.Failed ? 8 : 9),
            RunOrder.Name => By(run => run.Name.ToUpper()),
            RunOrder.Size => By(run => run.StudentParameters),
            RunOrder.Progress => By(run => run.TotalSteps == 0 ? 0 : (double)run.Step / run.TotalSteps),
            // NaN, which the database keeps as its lowest number, is the worst perplexity; two that overflowed differ in their loss.
            // Accuracies stand apart, whatever the direction: they are no perplexities, and the best one is the highest.
            RunOrder.Perplexity => query.Descending
                ? Apart().ThenByDescending(run => run.ValidationPerplexity == notANumber).ThenByDescending(run => run.ValidationPerplexity).ThenByDescending(run => run.ValidationNatsPerToken)
                    .ThenBy(run => run.ValidationAccuracy)
                : Apart().ThenBy(run => run.ValidationPerplexity == notANumber).ThenBy(run => run.ValidationPerplexity).ThenBy(run => run.ValidationNatsPerToken)
                    .ThenByDescending(run => run.ValidationAccuracy),
            RunOrder.Speed => By(run => run.TokensPerSecond),
            RunOrder.Duration => By(run => run.StartedAt == null ? null : (double?)run.TrainedSeconds),
            _ => By(run => run.StartedAt ?? DateTime.MaxValue),
        };
        // Those that wait stand in the order in which they will start, the others newest first.
        return ordered.ThenBy(run => run.Status == RunStatus.Queued ? run.QueueOrder : -run.QueueOrder).ThenByDescending(run => run.Id);

        IOrderedQueryable<Run> Apart() => runs.OrderBy(run => run.ValidationAccuracy != null);

        IOrderedQueryable<Run> By<T>(Expression<Func<Run, T>> key) => query.Descending ? runs.OrderByDescending(key) : runs.OrderBy(key);
    }
}
