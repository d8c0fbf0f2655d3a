using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using Radzen;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>One run: where it stands, its live curves, what it saved, how it was asked for, what it logged.</summary>
public sealed partial class RunPage(
    RunService runs, RunCommands commands, RunTable table, DatasetService datasets, DatasetTable datasetTable, ModelService models, RunAnnouncements announcements, DatasetAnnouncements datasetAnnouncements,
    DialogService dialogs, NotificationService notifications)
{
    private const string Escape = "Escape";

    // Lines of the log that are shown at first, and more at each request.
    private const int LogPiece = 200;

    private sealed record Stage(string Title, string Detail, string? Class);

    private Run? _run;
    private Run? _charted;
    private IReadOnlyList<Stage> _stages = [];
    private IReadOnlyList<Checkpoint> _checkpoints = [];
    private IReadOnlyList<LogLine> _log = [];
    private int _logShown = LogPiece, _logLines, _checkpointsFirst;
    private IReadOnlyList<(OptionField Field, string Value, bool Differs)> _options = [];
    private DatasetProgress? _progress;
    private string? _parent, _sweep;
    private int? _best, _place;
    private int _revival;
    private bool _isHeld;
    private string? _missing;
    private Guid _loaded;
    private bool _editing, _focusName;
    private string _name = "";
    private ElementReference _nameBox;

    /// <summary>The run.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <inheritdoc/>
    protected override async Task OnParametersSetAsync()
    {
        if (_loaded == Id)
            return;
        _loaded = Id;
        (_run, _charted, _missing, _editing, _options) = (null, null, null, false, []);
        (_logShown, _checkpointsFirst) = (LogPiece, 0);
        await LoadAsync();
    }

    /// <inheritdoc/>
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            // Any run's bell: the teacher of a quick start is another run than the one that is shown.
            Listen(ring => announcements.Subscribe(null, ring), TimeSpan.FromSeconds(1));
            Listen(ring => datasetAnnouncements.Subscribe(null, ring), TimeSpan.FromMilliseconds(500));
        }
        if (_focusName)
        {
            _focusName = false;
            await _nameBox.FocusAsync();
        }
    }

    /// <inheritdoc/>
    protected override async Task LoadAsync()
    {
        try
        {
            Run run = await runs.GetAsync(Id, Gone);
            _checkpoints = await runs.CheckpointsAsync(Id, Gone);
            (_log, _logLines) = await runs.LogEndAsync(Id, _logShown, Gone);
            _best = _checkpoints.Best()?.Step;
            // Otherwise it rests by request, and the thread that saved it may be about to let go.
            _isHeld = run is { Status: RunStatus.Paused, ErrorCause: RunErrorCause.Disk } && runs.IsHeld(Id);
            _place = run.Status == RunStatus.Queued && (await runs.QueueAsync(Gone)).ToList().IndexOf(Id) is >= 0 and int index
                ? index + 1
                : null;
            // The epochs change when a run is continued.
            if (_options.Count == 0 || _run?.OptionsJson != run.OptionsJson)
                _options = await DescribeAsync(StoredOptions.Of(run));
            _parent = run.BranchRunId is Guid parent ? (await runs.FindAsync(parent, Gone))?.Name : null;
            _sweep = run.SweepId is Guid sweep ? await runs.FindSweepNameAsync(sweep, Gone) : null;
            Run? teacher = run.Step == 0 && run.AfterRunId is Guid before ? await runs.FindAsync(before, Gone) : null;
            _progress = run.DatasetId is Guid datasetId ? datasets.Progress(datasetId) : null;
            _charted = HasCurves(run) ? run : HasCurves(teacher) ? teacher : null;
            _stages = run is { QuickStartId: not null, AfterRunId: not null } ? await StagesAsync(run) : [];
            // The live wire of a run that had ended is closed: the charts open it anew.
            if (_run is { IsFinal: true } && !run.IsFinal)
                _revival++;
            _run = run;
        }
        catch (NotFoundException e)
        {
            _missing = e.Message;
        }
    }

    private Task ShowEarlierAsync()
    {
        _logShown = Math.Min(_logLines, _logShown + LogPiece);
        return LoadAsync();
    }

    private static bool HasCurves(Run? run) =>
        run is { Step: > 0 } or { Status: RunStatus.Running or RunStatus.Pausing or RunStatus.Stopping };

    private bool CanContinue =>
        _run!.Status == RunStatus.Completed && _checkpoints is [.., Checkpoint last] && last.Step == _run.TotalSteps;

    private string CloneAddress => $"/runs/new?clone={Id:N}";

    private string EvaluateAddress(Checkpoint checkpoint) =>
        $"/evaluate?model={checkpoint.Id:N}{(_run!.TeacherId is Guid teacher ? $"&teacher={teacher:N}" : "")}";

    private string BranchAddress(int step) => string.Create(CultureInfo.InvariantCulture, $"/runs/new?branch={Id:N}&step={step}");

    private string FirstCheckpoint()
    {
        const string always = "one is always saved at the end, and on pause and stop";
        if (_run!.IsFinal)
            return "No checkpoint was saved before the run ended, or all were deleted: it can only begin anew.";
        RunOptions options = StoredOptions.Of(_run);
        List<string> reasons = [];
        if (options.Checkpoints.IntervalSteps > 0 && (_run.TotalSteps == 0 || options.Checkpoints.IntervalSteps <= _run.TotalSteps))
            reasons.Add($"after update {Figures.Count(options.Checkpoints.IntervalSteps)}");
        if (options.Checkpoints.IntervalMinutes > 0)
            reasons.Add($"after {options.Checkpoints.IntervalMinutes.ToString("0.##", CultureInfo.InvariantCulture)} minutes of training");
        return reasons.Count switch
        {
            0 => "The first one is saved when the run ends, or is paused or stopped.",
            1 => $"The first one is saved {reasons[0]}; {always}.",
            _ => $"The first one is saved {reasons[0]} or {reasons[1]}, whichever comes first; {always}.",
        };
    }

    // The same five steps that the button stands for, each from what is stored about it.
    private async Task<IReadOnlyList<Stage>> StagesAsync(Run student)
    {
        Run? teacher = await runs.FindAsync(student.AfterRunId!.Value, Gone);
        Dataset? dataset = student.DatasetId is Guid id ? await datasetTable.FindAsync(id, Gone) : null;
        bool ready = dataset is null or { State: DatasetState.Ready };
        bool writing = !ready && _progress is null or { Stage: PreparationStage.Waiting or PreparationStage.Writing };
        bool taught = teacher is null or { Status: RunStatus.Completed };
        bool completed = student.Status == RunStatus.Completed;
        bool halted = student.IsFinal && !completed;
        bool begun = student.IsActive || student.Status == RunStatus.Paused;
        bool distilling = begun && (student.TotalSteps == 0 || student.Step < student.TotalSteps);
        string Now(bool done, bool now) => done ? "done" : now && !halted ? "now" : "";
        string phase = _progress is null ? "" : $"{_progress.Phase}, {100 * _progress.Fraction:0} %";
        return
        [
            new("Write corpus", ready ? $"{Figures.Count(dataset?.Documents ?? 0)} stories" : writing ? phase : "", Now(ready || !writing, !ready && writing)),
            new("Train vocabulary", ready ? $"{Figures.Count(dataset?.VocabularySize ?? 0)} tokens" : writing ? "" : phase, Now(ready, !ready && !writing)),
            new("Train teacher", RunDetail(teacher), Now(taught, ready && !taught)),
            new("Distil student", RunDetail(student), Now(completed || (begun && !distilling), distilling)),
            new("Evaluate", completed && student.Validation() is { } p ? $"perplexity {Figures.Perplexity(p)}" : "",
                Now(completed, begun && !distilling)),
        ];
    }

    private static string RunDetail(Run? run) => run switch
    {
        null => "",
        { Status: RunStatus.Queued } => "waits",
        { IsActive: true, TotalSteps: > 0 } =>
            $"{100 * run.Progress():0} %{(run.TimeLeft() is TimeSpan left ? $", {Figures.Duration(left)} left" : "")}",
        { Status: RunStatus.Completed } => run.Duration() is double took ? Figures.Duration(took) : "",
        _ => run.Status.ToString(),
    };

    private async Task<IReadOnlyList<(OptionField, string, bool)>> DescribeAsync(RunOptions options)
    {
        JsonObject values = OptionTexts.Values(options), defaults = OptionTexts.Values(new RunOptions());
        OptionTexts texts = await OptionTexts.ReadAsync([options], table, models, datasetTable, Gone);
        return [.. LossCatalogue.RunSchema.Settings
            .Select(field => (Field: field, Value: texts.Of(field, field.In(values)),
                Differs: RunDraft.Write(field.In(values)) != RunDraft.Write(field.In(defaults))))
            .OrderByDescending(entry => entry.Differs)];
    }

    private string Timing() => _run!.Status switch
    {
        RunStatus.Queued => _place is int place ? RunFigures.PlaceText(place) : "waits for its turn",
        RunStatus.Preparing => "reads models, corpus and checkpoint",
        RunStatus.Running => _run.TimeLeft() is TimeSpan left ? $"{Figures.Duration(left)} left" : "starting",
        RunStatus.Pausing or RunStatus.Stopping => "saves its state",
        RunStatus.Paused or RunStatus.Stopped or RunStatus.Interrupted when _run.Duration() is double so =>
            $"trained for {Figures.Duration(so)} so far",
        _ => _run.Duration() is double took ? $"took {Figures.Duration(took)}" : "never started",
    };

    private string WaitingFor() => _run!.IsFinal ? "This run ended before its first update."
        : _progress is { Stage: not PreparationStage.Waiting } ? $"{_progress.Phase}. Curves appear with the first update."
        : _run.IsActive ? "It reads its models and its corpus. Curves appear with the first update."
        : _run.AfterRunId is not null ? "It starts when its teacher is trained."
        : "It waits for its turn; one run trains at a time. Curves appear with the first update.";

    private void EditName()
    {
        _name = _run!.Name;
        _editing = _focusName = true;
    }

    private Task RenameAsync() => TryAsync(async () =>
    {
        await runs.RenameAsync(Id, _name);
        _editing = false;
        await LoadAsync();
    });

    private Task StopAsync() => TryAsync(async () =>
    {
        if (!await RunActions.ConfirmStopAsync(dialogs, _run!))
            return;
        await commands.StopAsync(Id);
        await LoadAsync();
    });

    private Task PauseAsync() => TryAsync(async () =>
    {
        await commands.PauseAsync(Id);
        await LoadAsync();
    });

    private Task ResumeAsync() => TryAsync(async () =>
    {
        await commands.ResumeAsync(Id);
        await LoadAsync();
    });

    private Task ResumeFromAsync(Checkpoint checkpoint) => TryAsync(async () =>
    {
        if (!await RunActions.ConfirmResumeFromAsync(dialogs, _run!, checkpoint.Step, _checkpoints))
            return;
        await commands.ResumeAsync(Id, checkpoint.Step);
        await LoadAsync();
    });

    private Task ContinueAsync() => TryAsync(async () =>
    {
        if (await RunActions.AskEpochsAsync(dialogs, _run!) is not int epochs)
            return;
        await runs.ContinueAsync(Id, epochs);
        await LoadAsync();
    });

    private Task DeleteCheckpointAsync(Checkpoint checkpoint) => TryAsync(async () =>
    {
        if (!await RunActions.ConfirmDeleteCheckpointAsync(dialogs, _run!, checkpoint, _checkpoints.Count == 1))
            return;
        await runs.DeleteCheckpointAsync(Id, checkpoint.Step);
        notifications.Notify(NotificationSeverity.Success, $"Deleted the checkpoint of update {Figures.Count(checkpoint.Step)}");
        await LoadAsync();
    });
}
