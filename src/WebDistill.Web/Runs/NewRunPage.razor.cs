using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using MudBlazor;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>The form of a new run: typed text is read, checked and planned a quarter of a second after the last key.</summary>
public sealed partial class NewRunPage(
    RunService runs, ModelService modelService, DatasetService datasetService, DatasetTable datasetTable, GenerationService generation,
    Dialogs dialogs, ISnackbar snackbar, NavigationManager navigation, IJSRuntime js, ILogger<NewRunPage> logger)
{
    private static readonly TimeSpan CheckDelay = TimeSpan.FromMilliseconds(250);

    private CancellationTokenSource? _pendingCheck;
    private RunForm? _form;
    private RunDraft? _basis;
    private Model? _teacher;
    private TeacherPrediction? _prediction;
    private (Guid Teacher, string Dataset)? _predicted;
    private bool _predicting;
    private RunForecast? _forecast;
    private RunOptions? _planned;
    private string? _waiting;
    private (Run Run, int Step)? _branch;
    private (Guid? Teacher, Guid? First) _fitted;
    private bool _launching, _begun, _isStale, _asking;
    private Exception? _checkFailure;

    // The losses that were off when the options were begun with or fitted to a model: they stand apart, and stay there while somebody types in them.
    private IReadOnlySet<Loss> _unused = new HashSet<Loss>();

    private RunPlan? Plan => _forecast?.Plan;

    /// <summary>Id of a run whose options are taken.</summary>
    [SupplyParameterFromQuery(Name = "clone")]
    public string? CloneId { get; set; }

    /// <summary>Id of a run one of whose checkpoints the new one begins with.</summary>
    [SupplyParameterFromQuery(Name = "branch")]
    public string? BranchId { get; set; }

    /// <summary>The update of that checkpoint.</summary>
    [SupplyParameterFromQuery(Name = "step")]
    public string? BranchStep { get; set; }

    /// <summary>A number of the options that is halved: "learningRate".</summary>
    [SupplyParameterFromQuery(Name = "halve")]
    public string? Halve { get; set; }

    /// <summary>Id of a model preselected as teacher.</summary>
    [SupplyParameterFromQuery(Name = "teacher")]
    public string? TeacherId { get; set; }

    /// <summary>Id of a data set to preselect.</summary>
    [SupplyParameterFromQuery(Name = "dataset")]
    public string? DatasetId { get; set; }

    private RunDraft Draft => _form!.Draft;

    private StudentInit? Initialisation => StudentInits.All.FirstOrDefault(init => init.Name == Draft["student.initialisation"]);

    // What was typed for another way to begin stays in sight, where it is said that it is not used.
    private bool IsShown(string field) => Initialisation?.Uses.Contains(field) == true || Draft[field].Trim() != "";

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        await ReadChoicesAsync();
        Run? active = await runs.ActiveAsync(Gone);
        if (active is null && await runs.QueueAsync(Gone) is [.., Guid last])
            active = await runs.FindAsync(last, Gone);
        _waiting = active?.Name;
        if (BranchId is not null)
        {
            await TryAsync(BeginBranchAsync);
        }
        else if (Guid.TryParse(CloneId, out Guid id))
        {
            await TryAsync(async () =>
            {
                Run run = await runs.GetAsync(id, Gone);
                RunOptions options = StoredOptions.Of(run);
                RunDraft draft = RunDraft.Of(options);
                draft["name"] = $"{run.Name} (copy)";
                HalveIfAsked(draft, options);
                await KnowAsync(draft);
                Begin(draft, RunDraft.Of(options), $"Clone of {run.Name}");
            });
        }
        if (_form is null)
        {
            RunDraft draft = RunDraft.Of(new RunOptions());
            await ChooseAsync(draft);
            _form = new RunForm(draft, draft, "", Changed);
            Take(draft["teacher.modelId"] == "" ? Preset.All[^1] : Preset.All[0]);
        }
        await CheckAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        // Not at the first drawing, which may come before the models are read and there is a form.
        if (_form is null || _begun)
            return;
        _begun = true;
        await RestoreAsync();
        CheckSoon();
    }

    private async Task BeginBranchAsync()
    {
        if (!Guid.TryParse(BranchId, out Guid id))
            throw new NotFoundException($"There is no run '{BranchId}'; it may have been deleted.");
        if (!int.TryParse(BranchStep, NumberStyles.None, CultureInfo.InvariantCulture, out int step))
            throw new NotFoundException($"The checkpoint's update is '{BranchStep}', expected a whole number, as in &step=500.");
        Run run = await runs.GetAsync(id, Gone);
        await runs.CheckpointFolderAsync(id, step, Gone);
        RunOptions options = StoredOptions.Of(run);
        RunDraft draft = RunDraft.Of(options);
        draft["name"] = $"{run.Name}, from update {step.ToString(CultureInfo.InvariantCulture)}";
        HalveIfAsked(draft, options);
        _branch = (run, step);
        await KnowAsync(draft);
        Begin(draft, RunDraft.Of(options), $"Branch of {run.Name}");
    }

    private void HalveIfAsked(RunDraft draft, RunOptions options)
    {
        if (Halve != "learningRate")
            return;
        OptimiserOptions halved = options.Optimiser with { LearningRate = options.Optimiser.LearningRate / 2 };
        draft["optimiser.learningRate"] = RunDraft.Of(options with { Optimiser = halved })["optimiser.learningRate"];
    }

    private void Choose(Preset preset)
    {
        Take(preset);
        Changed();
    }

    private void Begin(RunDraft draft, RunDraft basis, string basisName)
    {
        _basis = basis;
        _form = new RunForm(draft, basis, basisName, Changed)
        {
            Kept = _branch is null ? new HashSet<string>() : TrainingCheckpoint.Kept(StoredOptions.Of(_branch.Value.Run)).Select(field => field.Path).ToHashSet(),
            WhyKept = "A run that goes on from a checkpoint keeps its corpus, the order of it and its student's shape.",
        };
        // The choice lists compare texts, and ids are stored in more than one notation.
        foreach (string field in new[] { "teacher.modelId", "data.datasetId", "student.modelId" })
            draft[field] = Guid.TryParse(draft[field], out Guid id) ? Text(id) : "";
        draft["teacher.others"] = TextLines.Write(TextLines.Read(draft["teacher.others"]).Select(Canonical));
        FindTeacher();
        BeginTask(basis);
        SetUnusedApart();
    }

    private void SetUnusedApart() => _unused = LossCatalogue.All.Where(loss => IsOff(loss) && !_form!.Fitted.ContainsKey(loss.Fields[0].Path)).ToHashSet();

    private void Take(Preset preset)
    {
        RunDraft draft = RunDraft.Of(preset.Options), basis = RunDraft.Of(preset.Options);
        foreach (string field in RunForm.Untouched)
            draft[field] = Draft[field];
        if (preset.Options.Student.Initialisation == "random")
            (draft["teacher.modelId"], draft["teacher.others"]) = ("", "");
        else if (draft["teacher.modelId"] == "")
            draft["teacher.modelId"] = Text((SortsTexts ? _classifier : _largest)?.Id);
        Model? teacher = ModelOf(draft["teacher.modelId"]);
        if (preset.Layers is var (depth, copied) && teacher?.Layers == depth)
        {
            draft["student.teacherLayers"] = basis["student.teacherLayers"] = string.Join(", ", copied);
        }
        Begin(draft, basis, preset.Name);
        // A preset is one for texts.
        _task = default;
        FitToTask();
        FitToModels();
    }

    // Once for each choice: what is typed after it stays as it is.
    private void FitToModels()
    {
        Model? first = Initialisation is { NeedsCheckpoint: true } ? StudentModel : null;
        _fitted = (_teacher?.Id, first?.Id);
        foreach ((string field, string said) in ModelFit.Apply(Draft, _teacher, first, SortsTexts))
            _form!.Fitted[field] = said;
        SetUnusedApart();
    }

    private void Changed()
    {
        Model? before = _teacher;
        FindTeacher();
        if (_branch is not null)
        {
            // What the form would adapt to the teacher is kept.
        }
        else if (_teacher is null && Initialisation is { NeedsTeacher: true })
            Draft["student.initialisation"] = "random";
        else if (before is null && _teacher is not null && Draft["student.initialisation"] == "random")
            Draft["student.initialisation"] = "teacher-layers";
        (bool, bool) task = _task;
        FitToTask();
        if (_branch is null && task != _task)
            SetUnusedApart();
        if (_branch is null && _fitted != (_teacher?.Id, Initialisation is { NeedsCheckpoint: true } ? StudentModel?.Id : null))
            FitToModels();
        _ = KeepAsync();
        CheckSoon();
    }

    private void CheckSoon()
    {
        Read();
        _pendingCheck?.Cancel();
        _pendingCheck = CancellationTokenSource.CreateLinkedTokenSource(Gone);
        _ = CheckSoonAsync(_pendingCheck.Token);
    }

    private void FindTeacher() => _teacher = ModelOf(Draft["teacher.modelId"]);

    // What cannot be read is said at once; the rest keeps its message until the check that follows.
    private RunOptions Read()
    {
        RunOptions options = Draft.Read(out IReadOnlyList<OptionProblem> unreadable);
        HashSet<string> fields = [.. unreadable.Select(problem => problem.Field)];
        _form!.Problems = InOrder(unreadable.Concat(_form.Problems.Where(problem => !fields.Contains(problem.Field))));
        return options;
    }

    private async Task CheckSoonAsync(CancellationToken cancel)
    {
        try
        {
            await Task.Delay(CheckDelay, cancel);
            await CheckAsync(cancel);
            await InvokeAsync(StateHasChanged);
            await PredictAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            // Another key was pressed, or the page was left: a prediction that was cut short is asked for again.
            if (_predicting)
                (_predicting, _predicted) = (false, null);
        }
        catch (Exception e)
        {
            // What cannot be shown costs the picture and not what was typed.
            logger.LogWarning(e, "The teacher's prediction could not be shown");
            (_predicting, _checkFailure) = (false, e);
            await InvokeAsync(StateHasChanged);
        }
    }

    private async Task CheckAsync(CancellationToken cancel)
    {
        RunOptions options = Draft.Read(out IReadOnlyList<OptionProblem> unreadable);
        try
        {
            RunForecast forecast = await runs.ForecastAsync(options, cancel, _branch?.Step ?? 0);
            // One that was overtaken may end after the one that took its place.
            cancel.ThrowIfCancellationRequested();
            HashSet<string> fields = [.. unreadable.Select(problem => problem.Field)];
            (_form!.Problems, _form.Warnings) =
                (InOrder(unreadable.Concat(forecast.Problems.Where(problem => !fields.Contains(problem.Field)))), InOrder(forecast.Warnings));
            // Figures that nobody can plan any more stay in view, greyed: what was typed is mended sooner beside them.
            _isStale = unreadable.Count > 0 || forecast.Plan is null;
            (_forecast, _planned) = _isStale ? (_forecast, _planned) : (forecast, options);
            _checkFailure = null;
            _asking &= !_isStale && forecast.IsLong;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database cannot be read, for one: the form stays, with all that was typed.
            logger.LogError(e, "The options of a new run could not be checked");
            (_isStale, _checkFailure) = (true, e);
        }
    }

    // The picture of the temperature.
    private async Task PredictAsync(CancellationToken cancel)
    {
        if (_teacher is not { TokenizerSha256: not null } teacher || !teacher.ContinuesTexts())
        {
            (_prediction, _predicted) = (null, null);
            return;
        }
        if (_predicted == (teacher.Id, Draft["data.datasetId"]))
            return;
        (_predicting, _prediction, _predicted) = (true, null, (teacher.Id, Draft["data.datasetId"]));
        try
        {
            TeacherPrediction prediction = await TeacherPrediction.ReadAsync(
                teacher, ChosenDataset, datasetService, generation, cancel);
            if (_predicted?.Teacher == teacher.Id)
                (_predicting, _prediction) = (false, prediction);
        }
        catch (ConflictException)
        {
            // Its files are gone, which the check of the options says at the field, or too many models write just now: no picture.
            _predicting = false;
        }
        await InvokeAsync(StateHasChanged);
    }

    private async Task LaunchAsync(bool isAgreed = false)
    {
        if (_launching)
            return;
        await CheckAsync(CancellationToken.None);
        if (_form!.Problems.Count > 0)
            await FocusAsync(_form.Problems[0].Field);
        if (_form.Problems.Count > 0 || _checkFailure is not null)
            return;
        _asking = !isAgreed && _forecast is { IsLong: true };
        if (_asking)
        {
            StateHasChanged();
            await FocusAsync(LongLaunch.Harmless);
            return;
        }
        _launching = true;
        // It may fail: the checkpoint is gone or damaged, there is no room for its copy, or the queue is full.
        _launching = await TryAsync(async () =>
        {
            RunOptions options = Draft.Read(out _);
            Run run = await (_branch is var (parent, step) ? runs.BranchAsync(parent.Id, step, options) : runs.CreateAsync(options));
            await _kept!.ForgetAsync();
            navigation.NavigateTo($"/runs/{run.Id:N}");
        });
        if (Failure is OptionsInvalidException invalid)
            (_form.Problems, Failure) = (InOrder(invalid.Problems), null);
    }

    private async Task FocusAsync(string field)
    {
        _form!.Revealed = field;
        // Drawn before it is asked for: what stands in a closed panel takes no focus.
        StateHasChanged();
        await js.InvokeVoidAsync("webdistill.focus", field);
        _form.Revealed = null;
    }

    private static IReadOnlyList<OptionProblem> InOrder(IEnumerable<OptionProblem> problems)
    {
        string[] order = [.. LossCatalogue.RunSchema.Fields.Select(field => field.Path)];
        return [.. problems.OrderBy(problem => Array.IndexOf(order, problem.Field) is >= 0 and int place ? place : order.Length)];
    }
}
