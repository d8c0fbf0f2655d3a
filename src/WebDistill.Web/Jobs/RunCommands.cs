using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;

namespace WebDistill.Web.Jobs;

/// <summary>
/// What a person can ask of a run that exists, and when: pause, resume, stop, other guards. The only place that says so, for pages, API and terminal.
/// </summary>
public sealed class RunCommands(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, RunLifecycle lifecycle, RunLauncher launcher, RunQueue queue, RunAnnouncements announcements)
{
    /// <summary>Whether it can be asked to rest; a run that is about to do so may be asked again.</summary>
    public static bool CanPause(Run run) => run.Status is RunStatus.Preparing or RunStatus.Running or RunStatus.Pausing;

    /// <summary>Whether it can go on from its newest checkpoint.</summary>
    public static bool CanResume(Run run) =>
        run.Status is RunStatus.Paused or RunStatus.Stopped or RunStatus.Failed or RunStatus.Interrupted;

    /// <summary>Whether it can go on from a checkpoint of that update instead of its newest one.</summary>
    public static bool CanResumeFrom(Run run, int step) =>
        CanResume(run) || run.Status == RunStatus.Completed && step < run.TotalSteps;

    /// <summary>Whether it can be ended; a run that is about to end may be asked again.</summary>
    public static bool CanStop(Run run) => run.Status is not (RunStatus.Completed or RunStatus.Stopped or RunStatus.Failed);

    /// <summary>
    /// Ends a run: one that trains saves its state first, one that waits, rests or was interrupted ends at once. It can be resumed.
    /// </summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It has ended already.</exception>
    public async Task StopAsync(Guid id, CancellationToken cancel = default)
    {
        await AskAsync(id, RunWish.Stop, (run, isHeld) =>
        {
            if (!CanStop(run))
                throw new ConflictException($"The run '{run.Name}' has ended already ({run.Status}): there is nothing to stop.");
            return run.Status == RunStatus.Queued || !isHeld && run.Status is RunStatus.Paused or RunStatus.Interrupted
                ? RunStatus.Stopped
                : RunStatus.Stopping;
        }, cancel);
        // Those that wait for it never start now.
        queue.Wake();
    }

    /// <summary>Lets a run that trains save its state and rest; the next one in the queue begins.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It does not train.</exception>
    public Task PauseAsync(Guid id, CancellationToken cancel = default) => AskAsync(id, RunWish.Pause, (run, _) => CanPause(run)
        ? RunStatus.Pausing
        : throw new ConflictException($"The run '{run.Name}' is {run.Status}: only one that trains can be paused."), cancel);

    /// <summary>
    /// Lets a run that rests go on, before all that wait: from its newest complete checkpoint, or from the one that is named. The updates
    /// that were recorded after it are made again, and checkpoints later than a named one are removed. A run that has ended, or has come to where its sweep
    /// decides, goes on to its end, whatever that decides.
    /// </summary>
    /// <returns>The run as it waits now.</returns>
    /// <exception cref="NotFoundException">There is no such run, or it has no complete checkpoint of that update.</exception>
    /// <exception cref="ConflictException">It waits, trains or is complete.</exception>
    public async Task<Run> ResumeAsync(Guid id, int? step = null, CancellationToken cancel = default)
    {
        if (step is int chosen)
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
            await RunCheckpoints.RequireAsync(db, id, chosen, cancel);
        }
        RunSignals? signals = null;
        bool hadEnded = false;
        Run resumed = await lifecycle.MoveAsync(id, run =>
        {
            if (!(step is int from ? CanResumeFrom(run, from) : CanResume(run)))
                throw new ConflictException(run.Status == RunStatus.Completed
                    ? $"The run '{run.Name}' has made all its {run.TotalSteps} updates. Continue it for more epochs instead."
                    : $"The run '{run.Name}' is {run.Status}: there is nothing to resume.");
            hadEnded = run.Status is RunStatus.Stopped or RunStatus.Failed;
            signals = launcher.SignalsOf(id);
            // One that is held waits for room on the disk with its state in memory, and trains on as soon as that is saved.
            return signals is null ? RunStatus.Queued : run.Status;
        }, (db, run) =>
        {
            run.QueueOrder = RunQueue.Front(db);
            run.ResumeStep = step;
            if (hadEnded || run.Step >= run.RestAtStep)
                run.RestAtStep = null;
        }, cancel: cancel);
        signals?.Retry();
        queue.Wake();
        return resumed;
    }

    /// <summary>Gives a run other guards; one that trains has them from its next update on. They know what happened before.</summary>
    /// <exception cref="NotFoundException">There is no such run.</exception>
    /// <exception cref="OptionsInvalidException">The guards cannot be those of this run.</exception>
    public async Task SetGuardsAsync(Guid id, GuardOptions guards, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Run run = await db.Runs.FindAsync([id], cancel) ?? throw NotFoundException.Of("run", id);
            RunOptions options = StoredOptions.Of(run) with { Guards = guards };
            string group = OptionPath.Of(options.Guards);
            bool learnsClasses = await db.Datasets.AnyAsync(dataset => dataset.Id == run.DatasetId && dataset.LabelledJson != null, cancel);
            OptionProblem[] problems = [.. options.Validate().Concat(GuardCatalogue.Validate(options, learnsClasses ? ModelHead.Classes : ModelHead.NextToken))
                .Where(problem => problem.Field.StartsWith($"{group}.", StringComparison.Ordinal))];
            if (problems.Length > 0)
                throw new OptionsInvalidException(problems);
            run.OptionsJson = JsonSerializer.Serialize(options, WebJson.Options);
            await db.SaveChangesAsync(cancel);
            // In the same turn: an attempt that is claimed later reads them from the row.
            if (launcher.SignalsOf(id) is RunSignals signals)
                signals.Guards = guards;
        }, cancel);
        announcements.Announce(id);
    }

    // The reins are taken in the turn in which the wish is written down: it reaches the attempt that it is meant for.
    private async Task AskAsync(Guid id, RunWish wish, Func<Run, bool, RunStatus> next, CancellationToken cancel)
    {
        RunSignals? signals = null;
        await lifecycle.MoveAsync(id, run => next(run, (signals = launcher.SignalsOf(id)) is not null), cancel: cancel);
        signals?.Ask(wish);
    }
}
