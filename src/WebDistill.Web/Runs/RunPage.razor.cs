using Microsoft.AspNetCore.Components;
using MudBlazor;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>One run: what came out or where it stands, its live curves, what it saved, how it was asked for, what it logged.</summary>
public sealed partial class RunPage(
    RunService runs, RunCommands commands, RunPace pace, RunTable table, DatasetService datasets, DatasetTable datasetTable, ModelService models,
    RunAnnouncements announcements, DatasetAnnouncements datasetAnnouncements, Dialogs dialogs, ISnackbar snackbar, NavigationManager navigation,
    PinnedBaseline pinned)
{
    private Run? _run;
    private RunOutlook _outlook = new();
    private IReadOnlyList<RunRelation> _relations = [];
    private IReadOnlyList<Checkpoint> _checkpoints = [];
    private IReadOnlyList<OptionBasis> _bases = [];
    private DatasetProgress? _progress;
    private int _revival;
    private bool _curvesOpened;
    private string? _missing;
    private Guid _loaded;

    /// <summary>The run.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <summary>The tab that is open; the first one without it.</summary>
    [SupplyParameterFromQuery(Name = "tab")]
    public string? TabKey { get; set; }

    /// <summary>The update that the open tab shows, where it shows one at a time.</summary>
    [SupplyParameterFromQuery]
    public string? Update { get; set; }

    private int Open => Math.Max(0, Tabs.Select(tab => tab.Key).ToList().IndexOf(TabKey ?? ""));

    /// <inheritdoc/>
    protected override async Task OnParametersSetAsync()
    {
        if (_loaded == Id)
            return;
        _loaded = Id;
        (_run, _missing, _bases, _curvesOpened) = (null, null, [], false);
        await LoadAsync();
    }

    /// <inheritdoc/>
    // Any run's bell: one that waits stands behind others.
    protected override IReadOnlyList<Bell> Bells => [new(announcements, TimeSpan.FromSeconds(1)), new(datasetAnnouncements, TimeSpan.FromMilliseconds(500))];

    /// <inheritdoc/>
    protected override async Task FetchAsync()
    {
        try
        {
            Run run = await runs.GetAsync(Id, Gone);
            _checkpoints = await runs.CheckpointsAsync(Id, Gone);
            Dataset? dataset = run.DatasetId is Guid datasetId ? await datasetTable.FindAsync(datasetId, Gone) : null;
            _progress = dataset is null ? null : datasets.Progress(dataset.Id);
            Run? before = run.Status == RunStatus.Queued && run.AfterRunId is Guid after ? await runs.FindAsync(after, Gone) : null;
            Run? baseline = await pinned.FindAsync(Gone);
            bool isOther = baseline?.Id != _outlook.Baseline?.Id;
            _outlook = new RunOutlook(
                run.Status == RunStatus.Queued && (await runs.QueueAsync(Gone)).ToList().IndexOf(Id) is >= 0 and int index ? index + 1 : null,
                before is { Status: RunStatus.Completed } ? null : before,
                run.Status == RunStatus.Queued && _progress is { } progress ? $"{progress.Phase}, {Figures.Share(progress.Fraction)}" : null,
                pace.TimeLeft(run), dataset?.ValidationTokens, _checkpoints,
                // Otherwise it rests by request, and the thread that saved it may be about to let go.
                run is { Status: RunStatus.Paused, ErrorCause: RunErrorCause.Disk } && runs.IsHeld(Id), baseline) { HoldsExamples = dataset?.HoldsExamples() == true };
            _relations = await RelationsAsync(run, dataset);
            // The epochs change when a run is continued, and what is automatic is known once it has begun.
            if (_bases.Count == 0 || isOther || _run?.OptionsJson != run.OptionsJson || _run?.StudentLayers != run.StudentLayers)
                await DescribeAsync(run);
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

    // The curves go on while another tab is open: they keep their zoom, and read nothing twice. The others are drawn anew.
    private bool IsDrawn(RunTab tab)
    {
        bool isOpen = Tabs[Open].Key == tab.Key;
        if (tab.Key != Tabs[0].Key)
            return isOpen;
        return _curvesOpened |= isOpen;
    }

    private static bool HasCurves(Run run) =>
        run is { Step: > 0 } or { Status: RunStatus.Running or RunStatus.Pausing or RunStatus.Stopping };

    private async Task<IReadOnlyList<RunRelation>> RelationsAsync(Run run, Dataset? dataset)
    {
        List<RunRelation> relations = [];
        Guid[] made = [.. new[] { run.TeacherId, run.BranchRunId, run.AfterRunId }.OfType<Guid>().Distinct()];
        IReadOnlyDictionary<Guid, string> runNames = await table.NamesAsync(made, Gone);
        IReadOnlyDictionary<Guid, string> modelNames =
            await models.NamesAsync([.. new[] { run.TeacherId, run.StudentModelId }.OfType<Guid>()], Gone);
        // A model that a run made has that run's id, and there its curves.
        if (run.TeacherId is Guid teacher)
            relations.Add(runNames.TryGetValue(teacher, out string? trained) ? new("teacher", trained, $"/runs/{teacher:N}", "teacher")
                : modelNames.TryGetValue(teacher, out string? imported) ? new("teacher", imported, $"/models/{teacher:N}", "teacher")
                : new("teacher", "deleted since", null, null));
        if (dataset is not null)
            relations.Add(new("data set", dataset.Name, $"/datasets/{dataset.Id:N}", null));
        if (run.StudentModelId is Guid student && modelNames.TryGetValue(student, out string? model))
            relations.Add(new("made the model", model, $"/models/{student:N}", run.Kind == RunKind.Distillation ? "student" : null));
        if (run.SweepId is Guid sweep && await runs.FindSweepNameAsync(sweep, Gone) is string sweepName)
            relations.Add(new("part of the sweep", $"{sweepName}: {SweepLabels.Title(SweepLabels.Of(run))}", $"/sweeps/{sweep:N}", null));
        if (run.BranchRunId is Guid parent && run.BranchStep is int step)
            relations.Add(runNames.TryGetValue(parent, out string? trunk)
                ? new($"branched from update {Figures.Count(step)} of", trunk, $"/runs/{parent:N}", null)
                : new($"branched from update {Figures.Count(step)} of", "a run deleted since", null, null));
        if (run.QuickStartId is Guid quickStart)
            relations.Add(new("part of a", "quick start", $"/quick-start/{quickStart:N}", null));
        return relations;
    }

    private async Task DescribeAsync(Run run)
    {
        RunOptions options = StoredOptions.Of(run);
        Run? parent = run.BranchRunId is Guid id ? await runs.FindAsync(id, Gone) : null;
        Model? teacher = run.TeacherId is Guid taught ? await models.FindModelAsync(taught, Gone) : null;
        Preset preset = Preset.Nearest(options, run.Kind);
        List<(string Title, string Name, RunOptions Options, bool IsRun)> bases = [("Preset", $"the preset “{preset.Name}”", preset.Options, false)];
        if (parent is not null)
            bases.Insert(0, ("Branched from", $"those of {parent.Name}, from which it branched", StoredOptions.Of(parent), true));
        if (_outlook.Baseline is { } baseline && baseline.Id != run.Id)
            bases.Insert(0, ("Baseline", $"the baseline {baseline.Name}", StoredOptions.Of(baseline), true));
        OptionTexts texts = await OptionTexts.ReadAsync([options, .. bases.Select(basis => basis.Options)], table, models, datasetTable, Gone);
        _bases = [.. bases.Select(basis => new OptionBasis(basis.Title, basis.Name, UsedOption.All(options, run, teacher, texts, basis.Options, basis.IsRun)))];
    }

    private string WaitingFor() => _run!.IsFinal ? "This run ended before its first update."
        : _progress is { Stage: not PreparationStage.Waiting } ? $"{_progress.Phase}. Curves appear with the first update."
        : _run.IsActive ? "It reads its models and its corpus. Curves appear with the first update."
        : _outlook.WaitsFor is not null ? "It starts when its teacher is trained."
        : "It waits for its turn; one run trains at a time. Curves appear with the first update.";

    private async Task RenameAsync(string name)
    {
        await TryAsync(() => runs.RenameAsync(Id, name));
        if (Failure is OptionsInvalidException invalid)
        {
            // The field says it.
            Failure = null;
            throw invalid;
        }
        await LoadAsync();
    }

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

    private Task PinAsync() => TryAsync(async () =>
    {
        await RunActions.PinAsync(pinned, snackbar, _run!, isPinned: _outlook.Baseline?.Id == Id);
        await LoadAsync();
    });

    private Task DeleteAsync() => TryAsync(async () =>
    {
        if (!await RunActions.ConfirmDeleteAsync(dialogs, _run!, _checkpoints))
            return;
        string name = _run!.Name;
        await runs.DeleteAsync(Id);
        snackbar.Add($"Deleted {name}", Severity.Success);
        navigation.NavigateTo("/");
    });

    private Task DeleteCheckpointAsync(Checkpoint checkpoint) => TryAsync(async () =>
    {
        if (!await RunActions.ConfirmDeleteCheckpointAsync(dialogs, _run!, checkpoint, _checkpoints.Count == 1))
            return;
        await runs.DeleteCheckpointAsync(Id, checkpoint.Step);
        snackbar.Add($"Deleted the checkpoint of update {Figures.Count(checkpoint.Step)}", Severity.Success);
        await LoadAsync();
    });
}
