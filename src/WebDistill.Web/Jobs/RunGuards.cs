using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>The run goes back to an earlier checkpoint: its attempt ends here and saves nothing, because a new checkpoint would push a good one out.</summary>
internal sealed class RolledBackException(string message) : Exception(message);

/// <summary>
/// What becomes of what the guards of one attempt see: it is written down, told, and acted on. Updates come on the training thread; a timer looks at the clock and the machine beside it,
/// because a loop that stalls does not come back to say so.
/// </summary>
/// <param name="run">As it is at the beginning of the attempt.</param>
internal sealed class RunGuards(
    Run run, RunSignals signals, IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, RunAnnouncements announcements,
    RunLifecycle lifecycle, RunEvents events, StorageHealth storage, Func<Machine> machine, TimeProvider time, ILogger logger)
{
    /// <summary>How often a run may go back before it needs a person.</summary>
    public const int MostRollBacks = 3;

    /// <summary>How often the clock and the machine are looked at.</summary>
    internal static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private readonly Lock _turn = new();
    private RunOptions _options = StoredOptions.Of(run);
    private RunWatch? _watch;
    private RunSeries? _series;
    private ITimer? _timer;
    private int _totalSteps;
    private long _updatedAt;

    /// <summary>Begins to watch, knowing the updates that were made before.</summary>
    public void Begin(RunSeries series, int totalSteps)
    {
        lock (_turn)
        {
            (_series, _totalSteps, _updatedAt) = (series, totalSteps, time.GetTimestamp());
            Open(wereJudged: true);
            _timer = time.CreateTimer(_ => Look(), null, LookInterval, LookInterval);
        }
    }

    /// <summary>Whether somebody gave the run other guards since it began.</summary>
    public bool AreChanged => signals.Guards is GuardOptions wanted && !ReferenceEquals(wanted, _options.Guards);

    /// <summary>Lets the guards be those that somebody gave the run; all updates must be written down.</summary>
    public void Change()
    {
        lock (_turn)
        {
            _options = _options with { Guards = signals.Guards! };
            Open(wereJudged: false);
        }
    }

    /// <summary>An update was made, and handed to be written down.</summary>
    /// <exception cref="RolledBackException">The run goes back.</exception>
    public void Updated(StepReport report)
    {
        lock (_turn)
        {
            double seconds = time.GetElapsedTime(_updatedAt).TotalSeconds;
            _updatedAt = time.GetTimestamp();
            foreach (Sighting seen in _watch?.After(report, seconds) ?? [])
                Answer(seen);
        }
    }

    /// <summary>An update was refused, and the attempt ends with it.</summary>
    /// <exception cref="RolledBackException">The run goes back.</exception>
    public void Diverged(TrainingDivergedException problem)
    {
        lock (_turn)
        {
            foreach (Sighting seen in _watch?.At(problem) ?? [])
            {
                string? refusal = seen.Guard.Response(_options.Guards) == GuardResponse.RollBack ? RollBack(seen) : null;
                // There is nothing left to pause or to stop: the run fails with the same reason.
                Store(seen, AlertAnswer.Told, refusal);
            }
        }
    }

    /// <summary>Nothing is seen from here on.</summary>
    public void Close()
    {
        lock (_turn)
        {
            _watch = null;
            _timer?.Dispose();
        }
    }

    private void Open(bool wereJudged)
    {
        _watch = GuardCatalogue.All.All(guard => guard.Response(_options.Guards) == GuardResponse.Off) ? null
            : new RunWatch(_options, run.TeacherId is not null, _totalSteps);
        if (_watch is null)
            return;
        using WebDistillDb db = contexts.CreateDbContext();
        ILookup<int, Measurement> measured = db.Measurements.AsNoTracking().Where(one => one.RunId == run.Id && one.Step > 0).ToLookup(one => one.Step);
        _watch.Replay(db.StepRows.AsNoTracking().Where(row => row.RunId == run.Id).OrderBy(row => row.Step).AsEnumerable()
            .Select(row => _series!.Report(row, measured[row.Step])), wereJudged);
    }

    private void Look()
    {
        // Whoever has the turn works on an update: then nothing stalls, and there is another look soon.
        if (!_turn.TryEnter())
            return;
        try
        {
            if (_watch is null)
                return;
            // A run that waits for the disk says so itself.
            if (storage.Problem is not null)
                _updatedAt = time.GetTimestamp();
            foreach (Sighting seen in _watch.At(new Moment(time.GetElapsedTime(_updatedAt).TotalSeconds, machine())))
                Answer(seen);
        }
        catch (Exception e)
        {
            // Nobody waits for a timer: what it throws would end the server.
            logger.LogError(e, "What the guards of run {RunId} saw could not be written down", run.Id);
        }
        finally
        {
            _turn.Exit();
        }
    }

    private void Answer(Sighting seen)
    {
        switch (seen.Guard.Response(_options.Guards))
        {
            case GuardResponse.Pause:
                Ask(seen, RunWish.Pause, why: null);
                break;
            case GuardResponse.Stop:
                Ask(seen, RunWish.Stop, why: null);
                break;
            case GuardResponse.RollBack:
                Ask(seen, RunWish.Pause, RollBack(seen));
                break;
            default:
                Store(seen, AlertAnswer.Told, more: null);
                break;
        }
    }

    private void Ask(Sighting seen, RunWish wish, string? why)
    {
        (RunStatus asked, AlertAnswer answer) = wish == RunWish.Stop ? (RunStatus.Stopping, AlertAnswer.Stopped) : (RunStatus.Pausing, AlertAnswer.Paused);
        Store(seen, answer, why);
        string reason = $"{seen.Guard.Title}. {seen.Text}{(why is null ? "" : $" {why}")}";
        storage.Persist(() => lifecycle.MoveAsync(run.Id, now => now.Status == RunStatus.Running ? asked : now.Status, error: reason,
            cause: RunErrorCause.Guard).GetAwaiter().GetResult(), signals.Ended);
        signals.Ask(wish, reason);
    }

    /// <summary>Lets the run go back to its last good checkpoint with half the learning rate.</summary>
    /// <returns>Why it cannot.</returns>
    /// <exception cref="RolledBackException">It goes back: its row says where to, and its options how.</exception>
    private string RollBack(Sighting seen)
    {
        List<Alert> earlier;
        using (WebDistillDb db = contexts.CreateDbContext())
            earlier = [.. db.Alerts.AsNoTracking().Where(alert => alert.RunId == run.Id && alert.Answer == AlertAnswer.RolledBack).OrderBy(alert => alert.Id)];
        if (earlier.Count >= MostRollBacks)
            return $"It went back {MostRollBacks} times already, each time with half the learning rate: look for another reason.";
        int? before = earlier is [.., Alert last] && seen.Step <= last.Step ? last.ToStep : null;
        int to = _watch!.LastGood(folder.CheckpointsOf(run.Id).List().Select(checkpoint => checkpoint.Step), seen.Step, before);
        if (to == 0 && run.BranchRunId is not null)
            return "It cannot go back: it has no good checkpoint before that update, and a branch has no beginning of its own.";
        double rate = _options.Optimiser.LearningRate / 2;
        string text = string.Create(CultureInfo.InvariantCulture,
            $"The run {(to == 0 ? "begins anew" : $"goes back to update {to}")} with half the learning rate, {rate:G4} (time {earlier.Count + 1} of {MostRollBacks}).");
        Store(seen, AlertAnswer.RolledBack, text, (alert, row) =>
        {
            (alert.ToStep, alert.LearningRate) = (to, rate);
            // With the alert or not at all: whatever ends the process now, the next attempt goes back.
            RunOptions now = StoredOptions.Of(row);
            (row.ResumeStep, row.OptionsJson) =
                (to, JsonSerializer.Serialize(now with { Optimiser = now.Optimiser with { LearningRate = rate } }, WebJson.Options));
        });
        throw new RolledBackException(text);
    }

    private void Store(Sighting seen, AlertAnswer answer, string? more, Action<Alert, Run>? change = null)
    {
        (Alert Alert, Run Run)? stored = null;
        string text = more is null ? seen.Text : $"{seen.Text} {more}";
        storage.Persist(() => writer.Write(db =>
        {
            Run row = db.Runs.Single(one => one.Id == run.Id);
            var alert = new Alert
            {
                RunId = run.Id, Attempt = run.Attempt, Step = seen.Step, At = time.GetUtcNow().UtcDateTime, Guard = seen.Guard.Name, Answer = answer, Value = seen.Value,
                Threshold = seen.Threshold, Unit = seen.Unit, Text = text,
            };
            change?.Invoke(alert, row);
            db.Alerts.Add(alert);
            db.LogLines.Add(new LogLine { RunId = run.Id, At = alert.At, Severity = LogSeverity.Warning, Step = seen.Step, Text = $"{seen.Guard.Title}. {text}" });
            db.SaveChanges();
            stored = (alert, row);
        }), signals.Ended);
        logger.LogWarning("Run {RunId} ({Name}): {Guard}: {Text}", run.Id, run.Name, seen.Guard.Name, text);
        announcements.Announce(run.Id);
        events.Publish(new RunEvent(stored!.Value.Run, stored.Value.Run.Status, stored.Value.Alert));
    }
}
