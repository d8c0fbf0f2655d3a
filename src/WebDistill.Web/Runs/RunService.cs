using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>What can be asked about runs and done with them, for pages and API alike.</summary>
public sealed class RunService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, RunAnnouncements announcements,
    RunChecks checks, TrainingService training, QuickStart quickStart)
{
    /// <summary>Every run, newest first.</summary>
    public async Task<IReadOnlyList<Run>> ListAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().OrderByDescending(run => run.QueueOrder).ToListAsync(cancel);
    }

    /// <summary>One run.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Run> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == id, cancel) ?? throw NotFound(id);
    }

    /// <summary>The options of a run, as it was asked for.</summary>
    public static DistillationOptions Options(Run run) =>
        JsonSerializer.Deserialize<DistillationOptions>(run.OptionsJson, WebJson.Options)!;

    /// <summary>Every problem of the options, those that need the models and the corpus included; empty when the run can be made.</summary>
    public Task<IReadOnlyList<OptionProblem>> CheckAsync(DistillationOptions options, CancellationToken cancel = default) =>
        checks.CheckAsync(options, cancel);

    /// <summary>
    /// What a run would do and need, and how long it would take at the speed of the latest run; nulls where that cannot be known.
    /// </summary>
    public Task<(RunPlan? Plan, double? EstimatedSeconds)> PlanAsync(DistillationOptions options, CancellationToken cancel = default) =>
        checks.PlanAsync(options, cancel);

    /// <summary>Queues a run.</summary>
    /// <exception cref="OptionsInvalidException">It cannot be made; lists every reason.</exception>
    public async Task<Run> CreateAsync(DistillationOptions options, CancellationToken cancel = default)
    {
        IReadOnlyList<OptionProblem> problems = await checks.CheckAsync(options, cancel);
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
        return await training.EnqueueAsync(options, cancel);
    }

    /// <summary>
    /// Queues everything the quick start consists of (a data set of generated stories, a teacher, its student) and returns the student's
    /// run at once.
    /// </summary>
    public Task<Run> QuickStartAsync(CancellationToken cancel = default) => quickStart.StartAsync(cancel);

    /// <summary>Stops a running run after its present update, or takes a queued one out of the queue. What it recorded stays.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It has ended already.</exception>
    public Task StopAsync(Guid id, CancellationToken cancel = default) => training.StopRunAsync(id, cancel);

    /// <summary>Gives a run another name.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="OptionsInvalidException">The name is blank or too long.</exception>
    public async Task RenameAsync(Guid id, string name, CancellationToken cancel = default)
    {
        Names.Check("name", name);
        int changed = await writer.WriteAsync(
            db => db.Runs.Where(run => run.Id == id).ExecuteUpdateAsync(set => set.SetProperty(run => run.Name, name.Trim()), cancel),
                cancel);
        if (changed == 0)
            throw NotFound(id);
        announcements.Announce(id);
    }

    /// <summary>Removes a run with its steps, log and checkpoints. The model that it made stays.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is running, or another run waits for it.</exception>
    public async Task DeleteAsync(Guid id, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Run run = await db.Runs.SingleOrDefaultAsync(r => r.Id == id, cancel) ?? throw NotFound(id);
            if (run.Status == RunStatus.Running)
                throw new ConflictException($"The run '{run.Name}' is running. Stop it first.");
            Run? waiting = await db.Runs.FirstOrDefaultAsync(r => r.AfterRunId == id && r.Status == RunStatus.Queued, cancel);
            if (waiting is not null)
                throw new ConflictException($"The run '{waiting.Name}' waits for the run '{run.Name}'. Stop or delete that one first.");
            db.Runs.Remove(run);
            await db.SaveChangesAsync(cancel);
        }, cancel);
        folder.Delete(folder.Run(id));
        announcements.Announce(id);
    }

    /// <summary>The steps after <paramref name="after"/>, in order, at most <paramref name="limit"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<StepReport>> StepsAsync(Guid id, int after, int limit, CancellationToken cancel = default)
    {
        List<StepMetric> metrics = await MetricsAsync(id, after, limit, cancel);
        return [.. metrics.Select(metric => metric.ToReport())];
    }

    /// <summary>The rows of <see cref="StepsAsync"/> as they are stored.</summary>
    public async Task<List<StepMetric>> MetricsAsync(Guid id, int after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await RequireAsync(db, id, cancel);
        return await db.StepMetrics.AsNoTracking()
            .Where(metric => metric.RunId == id && metric.Step > after)
            .OrderBy(metric => metric.Step)
            .Take(limit)
            .ToListAsync(cancel);
    }

    /// <summary>About <paramref name="points"/> values of the total loss, evenly spaced over the run so far.</summary>
    public async Task<IReadOnlyList<double>> SparklineAsync(Guid id, int points, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        int last = await db.StepMetrics.Where(metric => metric.RunId == id).MaxAsync(metric => (int?)metric.Step, cancel) ?? 0;
        int stride = Math.Max(1, last / Math.Max(1, points));
        return await db.StepMetrics
            .Where(metric => metric.RunId == id && metric.Step % stride == 0)
            .OrderBy(metric => metric.Step)
            .Select(metric => metric.TotalLoss)
            .ToListAsync(cancel);
    }

    /// <summary>The log of a run, oldest line first.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<LogLine>> LogAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await RequireAsync(db, id, cancel);
        return await db.LogLines.AsNoTracking().Where(line => line.RunId == id).OrderBy(line => line.Id).ToListAsync(cancel);
    }

    /// <summary>The checkpoints of a run, first one first.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<Checkpoint>> CheckpointsAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await RequireAsync(db, id, cancel);
        return await db.Checkpoints.AsNoTracking().Where(c => c.RunId == id).OrderBy(c => c.Step).ToListAsync(cancel);
    }

    private static async Task RequireAsync(WebDistillDb db, Guid id, CancellationToken cancel)
    {
        if (!await db.Runs.AnyAsync(run => run.Id == id, cancel))
            throw NotFound(id);
    }

    internal static NotFoundException NotFound(Guid id) => new($"There is no run {id}; it may have been deleted.");
}
