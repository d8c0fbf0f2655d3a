using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>
/// Trains one run at a time, on a thread of its own, from its claim to its last status. Needs no web host: the queue of the server and the
/// command line use it alike.
/// </summary>
public sealed class RunLauncher(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, RunAnnouncements announcements,
    RunLifecycle lifecycle, RunEvents events, StorageHealth storage, OutcomeWriter outcomes, Func<Machine> machine, TimeProvider time, Shutdown shutdown,
    ILogger<RunLauncher> logger)
{
    private volatile RunSignals? _current;

    /// <summary>Whether a thread works on that run, or waits for room on the disk with its state in memory.</summary>
    public bool Holds(Guid id) => SignalsOf(id) is not null;

    /// <summary>The reins of the attempt at that run; null when no thread works on it.</summary>
    /// <remarks>
    /// Taken and given back in the very turns of the writer in which the run is claimed and comes to rest: within a turn the status and the
    /// reins agree, and a wish that was written down reaches the attempt that it was meant for and no later one.
    /// </remarks>
    internal RunSignals? SignalsOf(Guid id) => _current is RunSignals current && current.Id == id ? current : null;

    /// <summary>Claims a queued run, trains it, and returns when it is at rest again. At the end of the process the run saves its state and is
    /// Interrupted.</summary>
    /// <param name="makeRoom">Frees memory that is only kept to save time; called when the run does not fit without it.</param>
    /// <returns>The run as it came to rest; null when somebody stopped or deleted it before it could be claimed.</returns>
    public async Task<Run?> TrainAsync(Guid id, Action? makeRoom = null)
    {
        Run? ended;
        do
            ended = await AttemptAsync(id, makeRoom);
        // A guard let it go back: it is its turn still.
        while (ended is { Status: RunStatus.Queued } && !shutdown.Begun.IsCancellationRequested);
        return ended;
    }

    private async Task<Run?> AttemptAsync(Guid id, Action? makeRoom)
    {
        using var signals = new RunSignals(id, shutdown.Begun);
        try
        {
            Run run;
            try
            {
                run = await lifecycle.MoveAsync(id, _ => RunStatus.Preparing, (_, claimed) =>
                {
                    _current = signals;
                    claimed.StartedAt ??= DateTime.UtcNow;
                    claimed.AttemptStartedAt = DateTime.UtcNow;
                    claimed.Attempt++;
                    claimed.FruitlessAttempts++;
                }, cancel: CancellationToken.None);
            }
            catch (Exception e) when (e is ConflictException or NotFoundException)
            {
                return null;
            }

            var guards = new RunGuards(run, signals, contexts, writer, folder, announcements, lifecycle, events, storage, machine, time, logger);
            var journal = new RunJournal(run, signals, contexts, writer, folder, announcements, lifecycle, storage, guards, time, logger);
            Task<Outcome> outcome = StartThread(run, journal, guards, new AttemptRoom(machine, () => makeRoom?.Invoke()), signals);
            // The thread gets the signal as well; what is waited for here is only how long the process may take to end.
            await Task.WhenAny(outcome, Task.Delay(Timeout.Infinite, shutdown.Begun));
            await Task.WhenAny(outcome, Task.Delay(shutdown.Left(Shutdown.StatePatience), CancellationToken.None));
            var rest = new Outcome(RunStatus.Interrupted, InterruptedUnsaved);
            if (outcome.IsCompleted)
                rest = await outcome;
            else
                await journal.CloseRecordAsync();
            Run? ended = await FinishAsync(signals, rest, givesBack: outcome.IsCompleted);
            if (outcome.IsCompleted && !shutdown.Begun.IsCancellationRequested)
                await Task.Run(ProcessMemory.GiveBack, CancellationToken.None);
            return ended;
        }
        finally
        {
            _current = null;
        }
    }

    private const string InterruptedSaved = "The server was shut down. The state is saved as a checkpoint.";

    private const string InterruptedUnsaved = "The server was shut down before the latest state could be saved: it goes on from its last "
        + "complete checkpoint, or anew without one.";

    private Task<Outcome> StartThread(Run run, RunJournal journal, RunGuards guards, AttemptRoom room, RunSignals signals)
    {
        var outcome = new TaskCompletionSource<Outcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => outcome.SetResult(Execute(run, journal, guards, room, signals)))
        {
            Name = "Training",
            IsBackground = true,
            // Pages answer while it computes.
            Priority = ThreadPriority.BelowNormal,
        };
        thread.Start();
        return outcome.Task;
    }

    private Outcome Execute(Run run, RunJournal journal, RunGuards guards, AttemptRoom room, RunSignals signals)
    {
        TrainingAttempt? attempt = null;
        try
        {
            RunOptions options = StoredOptions.Of(run);
            attempt = new TrainingAttempt(
                options, FilesOf(run, options), room, journal, ProductVersion.Text, run.ResumeStep, recordedSteps: run.Step,
                run.RestAtStep);
            try
            {
                attempt.Execute(signals.Ended);
            }
            catch (TrainingDivergedException problem)
            {
                guards.Diverged(problem);
                throw;
            }
            finally
            {
                guards.Close();
                journal.CloseRecordAsync().GetAwaiter().GetResult();
            }
            return new Outcome(RunStatus.Completed);
        }
        catch (RolledBackException)
        {
            return new Outcome(RunStatus.Queued);
        }
        catch (OperationCanceledException) when (signals.Ended.IsCancellationRequested)
        {
            return signals.Wish switch
            {
                RunWish.Stop => new Outcome(RunStatus.Stopped, signals.Reason, RunErrorCause.Guard),
                RunWish.Pause => new Outcome(RunStatus.Paused, signals.Reason, RunErrorCause.Guard),
                _ => new Outcome(RunStatus.Interrupted, attempt?.IsSaved == true ? InterruptedSaved : InterruptedUnsaved),
            };
        }
        catch (Exception e) when (signals.Ended.IsCancellationRequested && storage.Explain(e) is { } refused)
        {
            string unsaved = $"The latest updates could not be saved. {refused.Message}{folder.CheckpointsOf(run.Id).LastGoodState()}";
            return signals.Wish switch
            {
                RunWish.Stop => new Outcome(RunStatus.Stopped, unsaved),
                RunWish.Pause => new Outcome(RunStatus.Paused, unsaved),
                _ => new Outcome(RunStatus.Interrupted, InterruptedUnsaved),
            };
        }
        catch (Exception e)
        {
            // Whatever it is, it is this run's: the queue goes on with the next one.
            logger.LogError(e, "Run {RunId} failed", signals.Id);
            return new Outcome(RunStatus.Failed, folder.Hide(Describe(e)) + folder.CheckpointsOf(run.Id).LastGoodState(),
                e is TrainingDivergedException ? RunErrorCause.Diverged : RunErrorCause.Other);
        }
    }

    /// <exception cref="InvalidDataException">Its data set was deleted.</exception>
    private AttemptFiles FilesOf(Run run, RunOptions options)
    {
        using WebDistillDb db = contexts.CreateDbContext();
        Dataset dataset = db.Datasets.AsNoTracking().SingleOrDefault(row => row.Id == run.DatasetId)
            ?? throw new InvalidDataException("Its data set was deleted. Clone the run with another one.");
        string corpus = folder.Dataset(dataset.Id);
        return new AttemptFiles(
            DatasetFiles.Train(corpus), dataset.ValidationTokens > 0 ? DatasetFiles.Validation(corpus) : null, corpus,
            run.TeacherId is Guid teacher ? folder.Model(teacher) : null,
            CheckpointInit.ModelOf(options) is Guid first ? folder.Model(first) : null, folder.CheckpointsOf(run.Id), folder.Files)
        {
            OtherTeachers = [.. options.Teacher.Beside.Select(id => folder.Model(Guid.Parse(id)))],
        };
    }

    private static string Describe(Exception e) => e switch
    {
        _ when LibTorch.IsOutOfMemory(e) => $"There is not enough memory: {LibTorch.Describe(e).TrimEnd('.')}. Halve the batch size and double the gradient accumulation (the "
            + "update stays the same), or shorten the context.",
        ChannelClosedException { InnerException: Exception inner } => $"A step could not be recorded: {inner.Message}",
        InvalidDataException or ArgumentException or IOException or TrainingDivergedException => e.Message,
        _ => $"{e.GetType().Name}: {LibTorch.Describe(e)}",
    };

    /// <remarks>Without room for a row there is no honest status: it is written as soon as there is, and the run is held until then.</remarks>
    /// <param name="givesBack">No thread works on the run any more.</param>
    private Task<Run> FinishAsync(RunSignals signals, Outcome outcome, bool givesBack) => outcomes.WriteAsync($"run {signals.Id}", () =>
        lifecycle.MoveAsync(signals.Id, run =>
        {
            _current = givesBack ? null : signals;
            return RunLifecycle.Resolve(run.Status, outcome.Status);
        }, (_, run) => run.FruitlessAttempts = 0, outcome.Error, outcome.Cause), shutdown.Begun, waits: _ => _current = signals);

    /// <summary>How the work on a run ended.</summary>
    private sealed record Outcome(RunStatus Status, string? Error = null, RunErrorCause Cause = RunErrorCause.Other);
}
