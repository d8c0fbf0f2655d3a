using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Checkpoints;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Web.Components.Controls;
using WebDistill.Web.Components.Forms;
using WebDistill.Web.Library;
using WebDistill.Web.Playground;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Components.Pages;

/// <summary>The form of a new run: typed text is read, checked and planned a quarter of a second after the last key.</summary>
public sealed partial class NewRunPage(
    RunService runs, ModelService modelService, DatasetService datasetService, DatasetTable datasetTable, GenerationService generation,
    StorageHealth storage, NavigationManager navigation, IJSRuntime js)
{
    private static readonly TimeSpan CheckDelay = TimeSpan.FromMilliseconds(250);

    private static readonly IReadOnlyList<(string, string)> SequenceChoices =
        [(nameof(SequenceMode.Packed), "Packed blocks"), (nameof(SequenceMode.HuggingFace), "Hugging Face, padded")];

    private static readonly IReadOnlyList<(string, string)> MseChoices =
        [(nameof(MseReduction.SumOverVocabulary), "Summed over the vocabulary"), (nameof(MseReduction.PerElement), "Per element")];

    private static readonly IReadOnlyList<(string, string)> SemanticsChoices =
        [(nameof(TrainingSemantics.Corrected), "Corrected"), (nameof(TrainingSemantics.HuggingFaceExact), "Hugging Face exact")];

    private readonly CancellationTokenSource _gone = new();
    private CancellationTokenSource? _pendingCheck;
    private RunForm? _form;
    private Model? _teacher;
    private TeacherPrediction? _prediction;
    private (Guid Teacher, string Dataset)? _predicted;
    private bool _predicting;
    private RunPlan? _plan;
    private double? _seconds;
    private string? _waiting;
    private (Run Run, int Step)? _branch;
    private bool _launching, _begun;
    private Exception? _failure;

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

    private StudentInit? Initialisation => StudentInits.All.FirstOrDefault(init => init.Name == Draft["studentInitialisation"]);

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        await ReadChoicesAsync();
        Run? active = await runs.ActiveAsync(_gone.Token);
        if (active is null && await runs.QueueAsync(_gone.Token) is [.., Guid last])
            active = await runs.FindAsync(last, _gone.Token);
        _waiting = active?.Name;
        if (BranchId is not null)
        {
            try
            {
                await BeginBranchAsync();
            }
            catch (Exception e) when (e is NotFoundException or ConflictException or OptionsInvalidException)
            {
                _failure = e;
            }
        }
        else if (Guid.TryParse(CloneId, out Guid id))
        {
            try
            {
                Run run = await runs.GetAsync(id, _gone.Token);
                DistillationOptions options = RunService.Options(run);
                RunDraft draft = RunDraft.Of(options);
                draft["name"] = $"{run.Name} (copy)";
                await KnowAsync(draft);
                Begin(draft, RunDraft.Of(options), $"Clone of {run.Name}");
            }
            catch (NotFoundException e)
            {
                _failure = e;
            }
        }
        if (_form is null)
        {
            RunDraft draft = RunDraft.Of(new DistillationOptions());
            await ChooseAsync(draft);
            _form = new RunForm(draft, draft, "", Changed);
            Take(draft["teacherId"] == "" ? Preset.All[^1] : Preset.All[0]);
        }
        await CheckAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    protected override void OnAfterRender(bool firstRender)
    {
        // Not at the first drawing, which may come before the models are read and there is a form.
        if (_form is null || _begun)
            return;
        _begun = true;
        Changed();
    }

    private async Task BeginBranchAsync()
    {
        if (!Guid.TryParse(BranchId, out Guid id))
            throw new NotFoundException($"There is no run '{BranchId}'; it may have been deleted.");
        if (!int.TryParse(BranchStep, NumberStyles.None, CultureInfo.InvariantCulture, out int step))
            throw new NotFoundException($"The checkpoint's update is '{BranchStep}', expected a whole number, as in &step=500.");
        Run run = await runs.GetAsync(id, _gone.Token);
        await runs.CheckpointFolderAsync(id, step, _gone.Token);
        DistillationOptions options = RunService.Options(run);
        RunDraft draft = RunDraft.Of(options);
        draft["name"] = $"{run.Name}, from update {step.ToString(CultureInfo.InvariantCulture)}";
        if (Halve == "learningRate")
            draft["learningRate"] = RunDraft.Of(options with { LearningRate = options.LearningRate / 2 })["learningRate"];
        _branch = (run, step);
        await KnowAsync(draft);
        Begin(draft, RunDraft.Of(options), $"Branch of {run.Name}");
    }

    private void Choose(Preset preset)
    {
        Take(preset);
        Changed();
    }

    private void Begin(RunDraft draft, RunDraft basis, string basisName)
    {
        _form = new RunForm(draft, basis, basisName, Changed)
        {
            Kept = _branch is null ? new HashSet<string>() : TrainingCheckpoint.KeptOptions,
            WhyKept = "A run that goes on from a checkpoint keeps its corpus, the order of it and its student's shape.",
        };
        // The choice lists compare texts, and ids are stored in more than one notation.
        foreach (string field in new[] { "teacherId", "datasetId", "studentModelId" })
            draft[field] = Guid.TryParse(draft[field], out Guid id) ? Text(id) : "";
        FindTeacher();
    }

    private void Take(Preset preset)
    {
        RunDraft draft = RunDraft.Of(preset.Options), basis = RunDraft.Of(preset.Options);
        foreach (string field in Preset.Untouched)
            draft[field] = Draft[field];
        if (preset.Options.StudentInitialisation == "random")
            draft["teacherId"] = "";
        else if (draft["teacherId"] == "")
            draft["teacherId"] = Text(_largest?.Id);
        Model? teacher = ModelOf(draft["teacherId"]);
        if (preset.Layers is var (depth, copied) && teacher?.Layers == depth)
        {
            draft["studentTeacherLayers"] = basis["studentTeacherLayers"] = string.Join(", ", copied);
        }
        Begin(draft, basis, preset.Name);
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
            Draft["studentInitialisation"] = "random";
        else if (before is null && _teacher is not null && Draft["studentInitialisation"] == "random")
            Draft["studentInitialisation"] = "teacher-layers";
        Read();
        _pendingCheck?.Cancel();
        _pendingCheck = CancellationTokenSource.CreateLinkedTokenSource(_gone.Token);
        _ = CheckSoonAsync(_pendingCheck.Token);
    }

    private void FindTeacher() => _teacher = ModelOf(Draft["teacherId"]);

    // What cannot be read is said at once; the rest keeps its message until the check that follows.
    private DistillationOptions Read()
    {
        DistillationOptions options = Draft.Read(out IReadOnlyList<OptionProblem> unreadable);
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
        catch (Exception e) when (e is NotFoundException or InvalidDataException or IOException)
        {
            // The teacher's or the text's files are gone: the form is of use all the same.
            (_failure, _predicting) = (e, false);
            await InvokeAsync(StateHasChanged);
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    private async Task CheckAsync(CancellationToken cancel)
    {
        DistillationOptions options = Draft.Read(out IReadOnlyList<OptionProblem> unreadable);
        IReadOnlyList<OptionProblem> problems = await runs.CheckAsync(options, cancel);
        HashSet<string> fields = [.. unreadable.Select(problem => problem.Field)];
        _form!.Problems = InOrder(unreadable.Concat(problems.Where(problem => !fields.Contains(problem.Field))));
        (_plan, _seconds) = unreadable.Count > 0 ? (null, null) : await runs.PlanAsync(options, cancel);
        if (_branch is var (_, done) && _plan is not null)
            _seconds *= Math.Max(0, 1 - ((double)done / _plan.TotalUpdates));
    }

    // The picture of the temperature.
    private async Task PredictAsync(CancellationToken cancel)
    {
        if (_teacher is not { TokenizerSha256: not null } teacher)
        {
            (_prediction, _predicted) = (null, null);
            return;
        }
        if (_predicted == (teacher.Id, Draft["datasetId"]))
            return;
        (_predicting, _prediction, _predicted) = (true, null, (teacher.Id, Draft["datasetId"]));
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

    private async Task LaunchAsync()
    {
        if (_launching)
            return;
        _form!.LaunchTried = true;
        await CheckAsync(CancellationToken.None);
        if (_form.Problems.Count > 0)
        {
            await FocusAsync(_form.Problems[0].Field);
            return;
        }
        _launching = true;
        try
        {
            DistillationOptions options = Draft.Read(out _);
            Run run = await (_branch is var (parent, step) ? runs.BranchAsync(parent.Id, step, options) : runs.CreateAsync(options));
            navigation.NavigateTo($"/runs/{run.Id:N}");
        }
        catch (OptionsInvalidException e)
        {
            _form.Problems = InOrder(e.Problems);
            _launching = false;
        }
        catch (Exception e) when (storage.Explain(e) is not null || e is NotFoundException or ConflictException or IOException)
        {
            // The checkpoint is gone or damaged, there is no room for its copy, or the queue is full.
            (_failure, _launching) = (storage.Explain(e) ?? e, false);
        }
    }

    private ValueTask FocusAsync(string field)
    {
        _form!.LaunchTried = true;
        return js.InvokeVoidAsync("webdistill.focus", field);
    }

    private static IReadOnlyList<OptionProblem> InOrder(IEnumerable<OptionProblem> problems)
    {
        string[] order = [.. OptionField.All.Select(field => field.Name)];
        return [.. problems.OrderBy(problem => Array.IndexOf(order, problem.Field) is >= 0 and int place ? place : order.Length)];
    }

    private static string Text(Guid? id) => id?.ToString("N") ?? "";

    private string SuggestedName()
    {
        string dataset = ChosenDataset?.Name ?? "a data set";
        return _teacher is null ? $"Training on {dataset}" : $"{_teacher.Name}, distilled on {dataset}";
    }

    private IReadOnlyList<(string, string)> InitialisationChoices() =>
        [.. StudentInits.All.Where(init => _teacher is not null || !init.NeedsTeacher).Select(init => (init.Name, Words(init.Name)))];

    private static string Words(string name) => char.ToUpperInvariant(name[0]) + name[1..].Replace('-', ' ');

    private static string Describe(Model model) =>
        $"{Figures.Layers(model.Layers)}, width {model.Width}, {Figures.Short(model.ParameterCount)} parameters, context {model.ContextLength}, vocabulary {Figures.Count(model.VocabularySize)}";

    private string? DatasetNote()
    {
        Dataset? dataset = ChosenDataset;
        return dataset?.TrainTokens is long tokens
            ? $"{Figures.Count(tokens)} tokens to train on, {Figures.Count(dataset.ValidationTokens ?? 0)} held out, vocabulary {Figures.Count(dataset.VocabularySize ?? 0)}"
            : null;
    }

    private string StudentSize() => _plan is null
        ? "What is trained."
        : _teacher is null
            ? $"{Figures.Short(_plan.StudentParameters)} parameters."
            : $"{Figures.Short(_plan.StudentParameters)} parameters, {(100.0 * _plan.StudentParameters / _teacher.ParameterCount).ToString("0.0", CultureInfo.InvariantCulture)} % of the teacher.";

    private IReadOnlyList<int> EvenLayers()
    {
        int count = int.TryParse(Draft["studentLayerCount"], NumberStyles.None, CultureInfo.InvariantCulture, out int typed) ? typed : Math.Max(1, _teacher!.Layers / 2);
        return TeacherLayersInit.EvenlySpaced(_teacher!.Layers, Math.Clamp(count, 1, _teacher.Layers));
    }

    private IReadOnlyList<int> ChosenLayers()
    {
        int[] listed = [.. Draft["studentTeacherLayers"].Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
            .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1)];
        return listed.Length == 0 ? EvenLayers() : listed;
    }

    private void ToggleLayer(int layer)
    {
        IReadOnlyList<int> chosen = ChosenLayers();
        IEnumerable<int> changed = chosen.Contains(layer) ? chosen.Where(l => l != layer) : chosen.Append(layer).Order();
        // The list says how many there are; a count beside it could only contradict it.
        Draft["studentLayerCount"] = "";
        _form!.Set("studentTeacherLayers", string.Join(", ", changed));
    }

    private double SafeTemperature() =>
        double.TryParse(Draft["temperature"], NumberStyles.Float, CultureInfo.InvariantCulture, out double t) && t is >= 0.01 and <= 1000 ? t : 1;

    /// <inheritdoc/>
    public void Dispose() => _gone.Cancel(); // Not disposed: a check that has just ended may still ask for its token.
}
