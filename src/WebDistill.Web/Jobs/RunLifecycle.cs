using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Live;

namespace WebDistill.Web.Jobs;

/// <summary>
/// The life of a run as a state machine: which status may follow which, and the only place where one is changed. Every change is on the
/// disk before it takes effect; one that is not allowed is refused with a message and changes nothing.
/// </summary>
public sealed class RunLifecycle(
    DatabaseWriter writer, RunAnnouncements announcements, RunEvents events, ILogger<RunLifecycle> logger)
{
    /// <summary>Attempts in a row that may end with the process before they record an update; then the run counts as failed.</summary>
    public const int MostFruitlessAttempts = 5;

    private static readonly Dictionary<RunStatus, RunStatus[]> s_after = new()
    {
        [RunStatus.Queued] = [RunStatus.Preparing, RunStatus.Stopped, RunStatus.Failed],
        [RunStatus.Preparing] =
            [RunStatus.Running, RunStatus.Pausing, RunStatus.Stopping, RunStatus.Failed, RunStatus.Interrupted],
        [RunStatus.Running] =
            [RunStatus.Pausing, RunStatus.Paused, RunStatus.Stopping, RunStatus.Completed, RunStatus.Failed, RunStatus.Interrupted, RunStatus.Queued],
        [RunStatus.Pausing] = [RunStatus.Paused, RunStatus.Stopping, RunStatus.Completed, RunStatus.Failed],
        [RunStatus.Paused] = [RunStatus.Queued, RunStatus.Running, RunStatus.Stopping, RunStatus.Stopped, RunStatus.Interrupted, RunStatus.Failed],
        [RunStatus.Stopping] = [RunStatus.Stopped, RunStatus.Completed, RunStatus.Failed],
        [RunStatus.Stopped] = [RunStatus.Queued],
        [RunStatus.Completed] = [RunStatus.Queued],
        [RunStatus.Failed] = [RunStatus.Queued],
        [RunStatus.Interrupted] = [RunStatus.Queued, RunStatus.Stopped, RunStatus.Failed],
    };

    /// <summary>Whether a run that is <paramref name="from"/> may become <paramref name="to"/>.</summary>
    public static bool Allows(RunStatus from, RunStatus to) => s_after[from].Contains(to);

    /// <summary>What a run becomes whose work ended as <paramref name="ended"/>, when a person's wish came in between.</summary>
    public static RunStatus Resolve(RunStatus now, RunStatus ended) => (now, ended) switch
    {
        (RunStatus.Stopping, RunStatus.Paused or RunStatus.Interrupted or RunStatus.Queued) => RunStatus.Stopped,
        (RunStatus.Pausing, RunStatus.Interrupted or RunStatus.Queued) => RunStatus.Paused,
        _ => ended,
    };

    /// <summary>Moves a run on. What it was is read and what it becomes is written in one turn, so that no two callers act on one
    /// status.</summary>
    /// <param name="next">What it becomes, given what it is; the same status changes nothing. May throw a ConflictException of its
    /// own.</param>
    /// <param name="change">What changes with the status.</param>
    /// <param name="error">Why, where the status needs a reason; kept as <see cref="Run.Error"/>.</param>
    /// <param name="cause">What <paramref name="error"/> is about.</param>
    /// <exception cref="NotFoundException">There is no such run.</exception>
    /// <exception cref="ConflictException">It may not become that.</exception>
    public async Task<Run> MoveAsync(
        Guid id, Func<Run, RunStatus> next, Action<WebDistillDb, Run>? change = null, string? error = null,
        RunErrorCause cause = RunErrorCause.Other, CancellationToken cancel = default)
    {
        (Run run, RunStatus from) = await writer.WriteAsync(async db =>
        {
            Run found = await db.Runs.FindAsync([id], cancel) ?? throw NotFoundException.Of("run", id);
            RunStatus before = found.Status, to = next(found);
            if (to == before)
                return (found, before);
            if (!Allows(before, to))
                throw new ConflictException(
                    $"The run '{found.Name}' is {before} and cannot become {to}. From {before} it can become: "
                    + $"{string.Join(", ", s_after[before])}.");
            found.Status = to;
            (found.Error, found.ErrorCause) = (error, error is null ? null : cause);
            found.FinishedAt = found.IsFinal || to == RunStatus.Paused ? DateTime.UtcNow : null;
            change?.Invoke(db, found);
            db.LogLines.Add(new LogLine
            {
                RunId = id,
                At = DateTime.UtcNow,
                Step = found.Step,
                Severity = to switch
                {
                    RunStatus.Failed => LogSeverity.Error,
                    RunStatus.Interrupted => LogSeverity.Warning,
                    _ => error is null ? LogSeverity.Information : LogSeverity.Warning,
                },
                Text = error is null ? $"{to}." : $"{to}: {error}",
            });
            await db.SaveChangesAsync(cancel);
            return (found, before);
        }, cancel);
        if (run.Status != from)
        {
            logger.LogInformation("Run {RunId} ({Name}): {From} to {To} {Error}", id, ForeignText.Quote(run.Name), from, run.Status, error);
            announcements.Announce(id);
            events.Publish(new RunEvent(run, from));
        }
        return run;
    }
}
