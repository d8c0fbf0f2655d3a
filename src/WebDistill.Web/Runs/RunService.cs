using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>What can be asked about runs and done with them, for pages and API alike.</summary>
public sealed class RunService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, RunAnnouncements announcements,
    LaunchChecks checks, RunQueue queue, RunLauncher launcher, RunLifecycle lifecycle, QuickStart quickStart, SharedReads shared,
    StorageHealth storage, ModelFolders folders)
{
    /// <summary>Runs, newest first: the newest ones, or those that follow another one.</summary>
    /// <inheritdoc cref="Lists.AfterAsync"/>
    public async Task<IReadOnlyList<Run>> ListAsync(
        Guid? after = null, int limit = Lists.DefaultLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().AfterAsync(after, limit, "run", cancel);
    }

    /// <summary>One run.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Run> GetAsync(Guid id, CancellationToken cancel = default) => await FindAsync(id, cancel) ?? throw NotFoundException.Of("run", id);

    /// <summary>One run; null when there is none with that id.</summary>
    public Task<Run?> FindAsync(Guid id, CancellationToken cancel = default) =>
        ShareAsync(("run", id), db => db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == id), cancel);

    /// <summary>The run that has the machine; null while it is free.</summary>
    public Task<Run?> ActiveAsync(CancellationToken cancel = default) => ShareAsync("active run", db => db.Runs.AsNoTracking()
        .Where(run => Run.ActiveStatuses.Contains(run.Status))
        .OrderBy(run => run.QueueOrder)
        .FirstOrDefaultAsync(), cancel);

    /// <summary>The runs that wait, the next one first.</summary>
    public async Task<IReadOnlyList<Guid>> QueueAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.Where(run => run.Status == RunStatus.Queued).OrderBy(run => run.QueueOrder).ThenBy(run => run.Id)
            .Select(run => run.Id).ToListAsync(cancel);
    }

    /// <summary>A run that waits for one of <paramref name="ids"/> without being one of them; null when none does.</summary>
    public async Task<Run?> FirstWaitingAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().FirstOrDefaultAsync(run => run.Status == RunStatus.Queued && run.AfterRunId != null
            && ids.Contains(run.AfterRunId.Value) && !ids.Contains(run.Id), cancel);
    }

    /// <summary>The name of a sweep; null when there is none with that id.</summary>
    public async Task<string?> FindSweepNameAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return (await db.Sweeps.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel))?.Name;
    }

    /// <summary>Whether the run is at work, or rests with its state in memory until there is room on the disk.</summary>
    public bool IsHeld(Guid id) => launcher.Holds(id);

    /// <summary>
    /// What can be said about a run before it starts: every problem of the options, those that need models, corpus and machine included,
    /// what it would do and need, and how long it would take.
    /// </summary>
    /// <param name="made">Updates that were made already, by the checkpoint that the run goes on from.</param>
    public Task<RunForecast> ForecastAsync(RunOptions options, CancellationToken cancel = default, int made = 0) =>
        checks.ForecastAsync(options, cancel, made);

    /// <summary>Queues a run.</summary>
    /// <exception cref="OptionsInvalidException">It cannot be made; lists every reason.</exception>
    public async Task<Run> CreateAsync(RunOptions options, CancellationToken cancel = default)
    {
        IReadOnlyList<OptionProblem> problems = (await checks.ForecastAsync(options, cancel)).Problems;
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
        return await queue.EnqueueAsync(options, cancel);
    }

    /// <summary>
    /// Queues everything the quick start consists of (a data set of generated stories, a teacher, its student) and returns the student's
    /// run at once.
    /// </summary>
    public Task<Run> QuickStartAsync(CancellationToken cancel = default) => quickStart.StartAsync(cancel);

    /// <summary>
    /// Lets a completed run train for more epochs, from its last state: a budget that is set grows by as much. The learning rate follows the plan of the
    /// longer run from there.
    /// </summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is not complete, or its last checkpoint is gone.</exception>
    /// <exception cref="OptionsInvalidException">The number of epochs is out of range.</exception>
    public async Task ContinueAsync(Guid id, int epochs, CancellationToken cancel = default)
    {
        Run run = await GetAsync(id, cancel);
        RunOptions longer = StoredOptions.Of(run);
        if (epochs < 1)
            throw new OptionsInvalidException("epochs", $"The value is {epochs}, expected at least 1 more epoch.");
        if (longer.Schedule is { MaxUpdates: > 0 } or { MaxTokens: > 0 })
        {
            RunForecast forecast = await checks.ForecastAsync(longer, cancel);
            RunPlan plan = forecast.Plan ?? throw new OptionsInvalidException(forecast.Problems);
            longer = longer with { Schedule = Grown(longer.Schedule, plan, epochs) };
        }
        longer = longer with { Schedule = longer.Schedule with { Epochs = (int)Math.Clamp((long)longer.Schedule.Epochs + epochs, 0, int.MaxValue) } };
        if ((await checks.ForecastAsync(longer, cancel)).Problems.FirstOrDefault(problem => problem.Field.StartsWith("schedule.", StringComparison.Ordinal)) is { } problem)
            throw new OptionsInvalidException("epochs", problem.Message);
        if (folder.CheckpointsOf(id).List() is not [.., var last] || last.Step != run.TotalSteps)
            throw new ConflictException($"The checkpoint of the last update of '{run.Name}' ({run.TotalSteps}) is gone: there is nothing "
                + "to continue from. Clone the run, or start a new one from its model.");
        await lifecycle.MoveAsync(id, now => now.Status == RunStatus.Completed
            ? RunStatus.Queued
            : throw new ConflictException($"The run '{now.Name}' is {now.Status}: only a completed one can be continued."), (db, now) =>
        {
            now.OptionsJson = JsonSerializer.Serialize(longer, WebJson.Options);
            now.QueueOrder = db.Runs.Max(r => r.QueueOrder) + 1;
        }, cancel: cancel);
        queue.Wake();
    }

    // By what so many epochs are: what was reached first is reached first again, later by just these.
    private static ScheduleOptions Grown(ScheduleOptions schedule, RunPlan plan, int epochs) => schedule with
    {
        MaxUpdates = schedule.MaxUpdates == 0 ? 0 : (int)Math.Min(schedule.MaxUpdates + (long)epochs * plan.UpdatesPerEpoch, int.MaxValue),
        MaxTokens = schedule.MaxTokens == 0 ? 0 : (long)Int128.Min(schedule.MaxTokens + (Int128)epochs * plan.TokensPerEpoch, long.MaxValue),
    };

    /// <summary>Queues a new run that begins with the state of a checkpoint and goes on under options of its own.</summary>
    /// <exception cref="NotFoundException">There is no such run, or it has no complete checkpoint of that update.</exception>
    /// <exception cref="OptionsInvalidException">It cannot be made, or the options change what a saved state depends on.</exception>
    public async Task<Run> BranchAsync(Guid id, int step, RunOptions options, CancellationToken cancel = default)
    {
        Run parent = await GetAsync(id, cancel);
        await RequireCheckpointAsync(id, step, cancel);
        (string source, RunOptions saved) =
            folders.ReadCheckpoint(id, step, path => (path, TrainingCheckpoint.ReadState(path).Options));
        IReadOnlyList<OptionProblem> problems = OptionsInvalidException.Join(
            (await checks.ForecastAsync(options, cancel, step)).Problems, TrainingCheckpoint.CheckContinuation(saved, options));
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
        var branch = Guid.CreateVersion7();
        storage.RequireRoom("the copy of the checkpoint", DataFolder.Bytes(source));
        try
        {
            // A copy: the parent may go on, remove its checkpoint or be deleted.
            await Task.Run(() => folder.CheckpointsOf(branch)
                .Save(step, target => TrainingCheckpoint.Copy(source, target, options, folder.Files)), cancel);
            return await EnqueueBranchAsync(parent, branch, step, options, cancel);
        }
        catch
        {
            folder.Delete(folder.Run(branch));
            throw;
        }
    }

    private async Task<Run> EnqueueBranchAsync(Run parent, Guid branch, int step, RunOptions options, CancellationToken cancel)
    {
        Guid id = parent.Id;
        IReadOnlyList<CheckpointManifest> complete = folder.CheckpointsOf(branch).List();
        return await queue.EnqueueAsync(options, cancel, id: branch, complete: (db, run) =>
        {
            run.BranchRunId = id;
            run.BranchStep = step;
            run.Step = step;
            RunCheckpoints.List(db, run.Id, complete);
            db.LogLines.Add(new LogLine
            {
                RunId = run.Id, At = DateTime.UtcNow, Step = step,
                Text = $"Branched from update {step} of '{parent.Name}' ({parent.Id:N}); the numbers up to there are that run's.",
            });
            // The numbers name the run: its row comes first, and none of the two without the other.
            using IDbContextTransaction all = db.Database.BeginTransaction();
            db.SaveChanges();
            db.CopyToBranch(id, run.Id, step);
            all.Commit();
        });
    }

    /// <summary>Removes one checkpoint of a run.</summary>
    /// <exception cref="NotFoundException">There is no such run, or it has no complete checkpoint of that update.</exception>
    /// <exception cref="ConflictException">The run trains, or could not go on without it.</exception>
    public async Task DeleteCheckpointAsync(Guid id, int step, CancellationToken cancel = default)
    {
        await RequireCheckpointAsync(id, step, cancel);
        List<string> doomed = [];
        try
        {
            await writer.WriteAsync(async db =>
            {
                Run run = await db.Runs.FindAsync([id], cancel) ?? throw NotFoundException.Of("run", id);
                if (run.IsActive || launcher.Holds(id))
                    throw new ConflictException($"The run '{run.Name}' is {run.Status}. Pause or stop it first.");
                CheckpointStore store = folder.CheckpointsOf(id);
                if (store.List() is [CheckpointManifest only] && only.Step == step && Run.StatusesThatNeedFiles.Contains(run.Status))
                    throw new ConflictException($"It is the only complete checkpoint of '{run.Name}', which is {run.Status} and goes on from "
                        + "it. Stop the run first.");
                doomed.AddRange(store.Folders(step).Select(folder.TakeAway));
                RunCheckpoints.List(db, id, store.List());
                await db.SaveChangesAsync(cancel);
            }, cancel);
        }
        finally
        {
            // Gigabytes may take a while: not in the writer's turn, in which nobody else could write.
            await Task.Run(() => doomed.ForEach(folder.Discard), CancellationToken.None);
        }
        announcements.Announce(id);
    }

    /// <summary>Where the files of a checkpoint stand.</summary>
    /// <exception cref="NotFoundException">There is no such run, or it has no complete checkpoint of that update.</exception>
    /// <exception cref="FilesGoneException">Its files are gone.</exception>
    public async Task<string> CheckpointFolderAsync(Guid id, int step, CancellationToken cancel = default)
    {
        await RequireCheckpointAsync(id, step, cancel);
        return folders.ReadCheckpoint(id, step, path => path);
    }

    /// <summary>Moves a waiting run to another place in the queue; 1 is the next to start.</summary>
    /// <inheritdoc cref="RunQueue.MoveAsync"/>
    public Task MoveInQueueAsync(Guid id, int position, CancellationToken cancel = default) => queue.MoveAsync(id, position, cancel);

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
            throw NotFoundException.Of("run", id);
        announcements.Announce(id);
    }

    /// <summary>Removes a run with its steps, log and checkpoints. The model that it made stays.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is running, or another run waits for it.</exception>
    public async Task DeleteAsync(Guid id, CancellationToken cancel = default)
    {
        await storage.DeleteAsync(() => writer.WriteAsync(async db =>
        {
            Run run = await db.Runs.SingleOrDefaultAsync(r => r.Id == id, cancel) ?? throw NotFoundException.Of("run", id);
            if (run.IsActive || launcher.Holds(id))
                throw new ConflictException($"The run '{run.Name}' is {run.Status}. Stop it first.");
            Run? waiting = await db.Runs.FirstOrDefaultAsync(r => r.AfterRunId == id && r.Status == RunStatus.Queued, cancel);
            if (waiting is not null)
                throw new ConflictException($"The run '{waiting.Name}' waits for the run '{run.Name}'. Stop or delete that one first.");
            db.Runs.Remove(run);
            await db.SaveChangesAsync(cancel);
        }, cancel), folder.Run(id));
        announcements.Announce(id);
    }

    /// <summary>What the numbers of a run's steps are, in the order in which they are shown.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<StepSeries>> SeriesAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return (await RunSeries.FindAsync(db, id, cancel) ?? throw NotFoundException.Of("run", id)).Series.All;
    }

    /// <inheritdoc cref="RunSeries.ReadAllAsync"/>
    public async Task<IReadOnlyList<StepSeries>> SeriesAsync(IReadOnlyList<Run> runs, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await RunSeries.ReadAllAsync(db, runs, cancel);
    }

    /// <summary>The steps after <paramref name="after"/>, in order, at most <paramref name="limit"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<StepReport>> StepsAsync(Guid id, int after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        (_, RunSeries series) = await RunSeries.FindAsync(db, id, cancel) ?? throw NotFoundException.Of("run", id);
        List<StepRow> rows = await db.StepRows.AsNoTracking()
            .Where(row => row.RunId == id && row.Step > after)
            .OrderBy(row => row.Step)
            .Take(limit)
            .ToListAsync(cancel);
        int last = rows.Count > 0 ? rows[^1].Step : after;
        ILookup<int, Measurement> measured = (await db.Measurements.AsNoTracking()
            .Where(one => one.RunId == id && one.Step > after && one.Step <= last && one.Step > 0)
            .ToListAsync(cancel)).ToLookup(one => one.Step);
        return [.. rows.Select(row => series.Report(row, measured[row.Step]))];
    }

    /// <summary>The steps after <paramref name="after"/> as <see cref="StepHistory"/> encodes them.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<byte[]> HistoryAsync(Guid id, int after, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        // The run before the rows: an attempt that begins in between makes the client read again.
        (Run run, RunSeries series) = await RunSeries.FindAsync(db, id, cancel) ?? throw NotFoundException.Of("run", id);
        return await StepHistory.ReadAsync(db, run, series, after, cancel);
    }

    /// <summary>The best figure that each of some runs has recorded: the lowest validation perplexity, or of one over labelled examples the highest accuracy. Those that recorded none are missing.</summary>
    public async Task<IReadOnlyDictionary<Guid, MeasuredPair>> BestAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.BestAsync(ids, cancel);
    }

    /// <summary>Lines of the log of a run, oldest line first, after the line <paramref name="after"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<LogLine>> LogAsync(
        Guid id, long after = 0, int limit = Lists.MostLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(id, cancel);
        return await db.LogLines.AsNoTracking().Where(line => line.RunId == id && line.Id > after).OrderBy(line => line.Id).Take(limit)
            .ToListAsync(cancel);
    }

    /// <summary>What the guards of a run saw after the alert <paramref name="after"/>, in the order in which they did.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<Alert>> AlertsAsync(Guid id, long after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(id, cancel);
        return await db.Alerts.AsNoTracking().Where(alert => alert.RunId == id && alert.Id > after).OrderBy(alert => alert.Id).Take(limit).ToListAsync(cancel);
    }

    /// <summary>The latest alerts of a run, the newest first.</summary>
    public Task<IReadOnlyList<Alert>> LatestAlertsAsync(Guid id, int most, CancellationToken cancel = default) =>
        ShareAsync<IReadOnlyList<Alert>>(("alerts", id, most), async db => await db.Alerts.AsNoTracking()
            .Where(alert => alert.RunId == id).OrderByDescending(alert => alert.Id).Take(most).ToListAsync(), cancel);

    /// <summary>Checkpoints of a run after the update <paramref name="after"/>, first one first, at most <paramref name="limit"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<Checkpoint>> CheckpointsAsync(Guid id, long after, int limit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(id, cancel);
        return await db.Checkpoints.AsNoTracking().Where(c => c.RunId == id && c.Step > after).OrderBy(c => c.Step).Take(limit).ToListAsync(cancel);
    }

    /// <summary>Every checkpoint of a run, first one first.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<Checkpoint>> CheckpointsAsync(Guid id, CancellationToken cancel = default) =>
        await ShareAsync(("checkpoints", id), async db =>
        {
            await db.RequireRunAsync(id, CancellationToken.None);
            return await db.Checkpoints.AsNoTracking().Where(c => c.RunId == id).OrderBy(c => c.Step).ToListAsync();
        }, cancel);

    private Task<T> ShareAsync<T>(object query, Func<WebDistillDb, Task<T>> read, CancellationToken cancel) =>
        shared.ReadAsync(query, async () =>
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync();
            return await read(db);
        }, cancel);

    private async Task RequireCheckpointAsync(Guid id, int step, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await RunCheckpoints.RequireAsync(db, id, step, cancel);
    }
}
