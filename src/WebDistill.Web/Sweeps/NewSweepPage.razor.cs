using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>The plan of a new sweep: what is typed is expanded, checked and shown a quarter of a second after the last key.</summary>
public sealed partial class NewSweepPage(
    RunService runService, RunTable table, ModelService models, SweepPlanner planner, NavigationManager navigation,
    IJSRuntime js)
{
    private const string Logarithm = "logarithm";

    private static readonly TimeSpan CheckDelay = TimeSpan.FromMilliseconds(250);

    private readonly SweepDraft _draft = new();
    private readonly Dictionary<SweepPreset, SweepDimensionDraft> _presets = [];
    private CancellationTokenSource? _pendingCheck;
    private Run? _base;
    private bool _isRead;
    private RunOptions _options = new();
    private int? _teacherLayers;
    private IReadOnlyList<OptionProblem> _unreadable = [];
    private SweepPreview? _preview;
    private bool _launching;

    /// <summary>Id of the run whose options are taken.</summary>
    [SupplyParameterFromQuery(Name = "run")]
    public string? RunId { get; set; }

    private IReadOnlyList<OptionProblem> Problems =>
        [.. _unreadable, .. (_preview?.Problems ?? []).Where(problem => _unreadable.All(known => known.Field != problem.Field))];

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        Run? asked = Guid.TryParse(RunId, out Guid id) ? await runService.FindAsync(id, Gone) : null;
        if ((asked ?? await table.NewestAsync(Gone)) is Run chosen)
        {
            if (RunId is not null && asked is null)
                Failure = new NotFoundException($"There is no run {RunId}; it may have been deleted. Another one's options stand below.");
            await TakeAsync(chosen);
            Toggle(SweepPresets.All.First(preset => !preset.NeedsTeacher || _options.Teacher.ModelId is not null));
            await CheckAsync(Gone);
        }
        _isRead = true;
    }

    private async Task TakeAsync(Run run)
    {
        RunOptions options = StoredOptions.Of(run);
        _options = options with { Checkpoints = options.Checkpoints with { KeepLast = SweepPlan.DefaultKeepLastCheckpoints } };
        Model? teacher = Guid.TryParse(_options.Teacher.ModelId, out Guid id) ? await models.FindModelAsync(id, Gone) : null;
        (_base, _teacherLayers) = (run, teacher?.Layers);
    }

    private async Task<Offer> FindRunsAsync(string filter) =>
        Offer.Of(await table.ReadAsync(new RunQuery(filter), Gone), run => (run.Id.ToString("N"), run.Name));

    private async Task ChooseBaseAsync(string id)
    {
        await TryAsync(async () =>
        {
            await TakeAsync(await runService.GetAsync(Guid.Parse(id), Gone));
            Changed();
        });
    }

    private void Toggle(SweepPreset preset)
    {
        if (_presets.TryGetValue(preset, out SweepDimensionDraft? known))
        {
            Remove(known);
            return;
        }
        SweepDimensionDraft dimension = SweepDimensionDraft.Of(preset.Make(_options, _teacherLayers));
        _presets.Add(preset, dimension);
        _draft.Dimensions.Add(dimension);
        Changed();
    }

    private void Add() => Set(() => _draft.Dimensions.Add(new SweepDimensionDraft { Option = "optimiser.learningRate", Name = "learning rate" }));

    private void Remove(SweepDimensionDraft dimension)
    {
        foreach (SweepPreset preset in _presets.Where(pair => pair.Value == dimension).Select(pair => pair.Key).ToList())
            _presets.Remove(preset);
        Set(() => _draft.Dimensions.Remove(dimension));
    }

    private void ChooseOption(SweepDimensionDraft dimension, string option) => Set(() =>
    {
        // The name follows the option as long as nobody has given it one of its own.
        if (option != "" && (dimension.Name.Trim() == "" || dimension.Name == NameOf(dimension.Option)))
            dimension.Name = NameOf(option);
        dimension.Option = option;
        if (option == "" && dimension.Rows.Count == 0)
            dimension.Rows.Add(new SweepValueDraft());
    });

    private static string NameOf(string option) => LossCatalogue.RunSchema.FindOrNull(option)?.Label.ToLowerInvariant() ?? "";

    private void Set(Action change)
    {
        change();
        Changed();
    }

    private void Changed()
    {
        _pendingCheck?.Cancel();
        _pendingCheck = CancellationTokenSource.CreateLinkedTokenSource(Gone);
        _ = CheckSoonAsync(_pendingCheck.Token);
    }

    private async Task CheckSoonAsync(CancellationToken cancel)
    {
        try
        {
            await Task.Delay(CheckDelay, cancel);
            await CheckAsync(cancel);
            await InvokeAsync(StateHasChanged);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Another key was pressed, or the page was left.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
    }

    private async Task<SweepPlan> CheckAsync(CancellationToken cancel)
    {
        SweepPlan plan = _draft.Read(_options, out IReadOnlyList<OptionProblem> unreadable);
        // Five hundred points are checked beside the circuit, so that the keys that are pressed meanwhile are heard.
        SweepPreview? preview = unreadable.Count > 0 ? null : await Task.Run(() => planner.CheckAsync(plan, cancel), cancel);
        (_unreadable, _preview) = (unreadable, preview);
        return plan;
    }

    private async Task LaunchAsync()
    {
        if (_launching)
            return;
        SweepPlan plan = await CheckAsync(Gone);
        if (Problems.Count > 0)
        {
            await FocusAsync(Problems[0]);
            return;
        }
        _launching = true;
        _launching = await TryAsync(async () =>
        {
            Sweep sweep = await planner.LaunchAsync(plan, Gone);
            navigation.NavigateTo($"/sweeps/{sweep.Id:N}");
        });
        if (Failure is OptionsInvalidException invalid)
            (_unreadable, Failure) = (invalid.Problems, null);
    }

    private ValueTask FocusAsync(OptionProblem problem) => js.InvokeVoidAsync("webdistill.focus", ElementOf(problem));

    // The control where a problem is mended: that of the dimension that sets the option, else the base run.
    private string ElementOf(OptionProblem problem)
    {
        if (problem.Field is "name" or "draws" or "drawSeed" or "metric")
            return problem.Field;
        if (Regex.Match(problem.Field, @"^dimensions\[(\d+)\]") is { Success: true } place)
            return $"dimension-{place.Groups[1].Value}";
        string option = problem.Field[(problem.Field.IndexOf('.') + 1)..];
        int dimension = _draft.Dimensions.FindIndex(one =>
            one.Option == option || one.Option == "" && one.Rows.Any(row => row.Changes.Contains(option, StringComparison.Ordinal)));
        return problem.Field == "dimensions" ? "add-dimension" : dimension >= 0 ? $"dimension-{dimension}" : "base";
    }

    private string? ProblemOf(string element) => Problems.FirstOrDefault(problem => ElementOf(problem) == element)?.Message;

    private string? ProblemOfDimension(int index) => ProblemOf(string.Create(CultureInfo.InvariantCulture, $"dimension-{index}"));

    private string? Describes(int index) => ProblemOfDimension(index) is null ? null : $"dimension-{index}-problem";

    private static string Typed(ChangeEventArgs e) => (string?)e.Value ?? "";

    private string BaseNote()
    {
        string student = _options.Student.TeacherLayers?.Count is int copied ? Figures.Layers(copied) :
            _options.Student.LayerCount is int layers ? Figures.Layers(layers) : "half of the teacher's layers";
        return string.Create(CultureInfo.InvariantCulture, $"{(_options.Teacher.ModelId is null ? "From scratch" : "Distilled")}, {student}, ")
            + $"{_options.Schedule.Epochs} {(_options.Schedule.Epochs == 1 ? "epoch" : "epochs")}, batches of {_options.Schedule.BatchSize}, learning rate "
            + $"{RunDraft.Of(_options)["optimiser.learningRate"]}.";
    }

    private static string Example(SweepDimensionDraft dimension) => LossCatalogue.RunSchema.FindOrNull(dimension.Option)?.Kind switch
    {
        OptionKind.Boolean => "true, false",
        OptionKind.LayerList => "0, 2; 1, 3",
        OptionKind.Integer => "1, 2, 4",
        OptionKind.Number => "0.5, 1, 2",
        _ => "",
    };

    private static string? ValuesNote(SweepDimensionDraft dimension)
    {
        OptionField field = LossCatalogue.RunSchema.Find(dimension.Option);
        string how = dimension.Separator == ';' ? "Separated by semicolons." : "Separated by commas.";
        string? choices = field.Path switch
        {
            "student.initialisation" => string.Join(", ", StudentInits.All.Select(init => init.Name)),
            "teacher.modelId" or "student.modelId" => "ids of models",
            "data.datasetId" => "ids of data sets",
            _ => field.Choices is null ? null : string.Join(", ", field.Choices),
        };
        return choices is not null ? $"{how} Possible: {choices}." : field.Usual is null ? how : $"{how} Usual: {field.Usual}";
    }
}
