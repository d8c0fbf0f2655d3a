using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>The plan of a new sweep: what is typed is expanded, checked and shown a quarter of a second after the last key.</summary>
public sealed partial class NewSweepPage(
    RunService runService, RunTable table, ModelService models, DatasetTable datasets, SweepPlanner planner, NavigationManager navigation,
    IJSRuntime js, ILogger<NewSweepPage> logger)
{
    /// <summary>The plan as the browser keeps it.</summary>
    /// <param name="At">When something was typed last, UTC.</param>
    /// <param name="BaseId">The run whose options are taken.</param>
    /// <param name="Texts">These options as they are typed, by their paths.</param>
    /// <param name="Plan">What varies, and how it is searched.</param>
    public sealed record KeptPlan(DateTime At, Guid BaseId, IReadOnlyDictionary<string, string> Texts, SweepDraft Plan);

    private static readonly TimeSpan CheckDelay = TimeSpan.FromMilliseconds(250);

    // All options in their groups, those that stand in none at the end.
    private static readonly IReadOnlyList<(string Title, IReadOnlySet<string> Options)> Groups =
    [
        .. LossCatalogue.RunSchema.Groups.Select(group => (group.Label, PathsOf(group.Name))), ("Others", PathsOf("")),
    ];

    private readonly Dictionary<string, string> _names = [];
    private SweepDraft _draft = new();
    private BrowserDraft<KeptPlan>? _kept;
    private CancellationTokenSource? _pendingCheck;
    private Run? _base;
    private RunForm? _form;
    private int? _teacherLayers;
    private IReadOnlyList<OptionProblem> _unreadable = [];
    private IReadOnlySet<string> _seeds = new HashSet<string>();
    private SweepPreview? _preview;
    private DateTime? _restored;
    private bool _isRead, _begun, _launching, _checking;

    /// <summary>Id of the run whose options are taken.</summary>
    [SupplyParameterFromQuery(Name = "run")]
    public string? RunId { get; set; }

    private RunOptions Options => _form!.Draft.Read(out _);

    // What was wrong with what stood there before is not said of what is typed now.
    private IReadOnlyList<OptionProblem> Problems => _checking ? []
        : [.. _unreadable, .. (_preview?.Problems ?? []).Where(problem => _unreadable.All(known => known.Field != problem.Field))];

    private string ToSettle => Problems.Count == 1 ? "One thing to settle" : $"{Problems.Count} things to settle";

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        Run? asked = Guid.TryParse(RunId, out Guid id) ? await runService.FindAsync(id, Gone) : null;
        if ((asked ?? await table.NewestAsync(Gone)) is Run chosen)
        {
            if (RunId is not null && asked is null)
                Failure = new NotFoundException($"There is no run {RunId}; it may have been deleted. Another one's options stand below.");
            await TakeAsync(chosen);
            SweepPreset first = SweepPresets.All.First(preset => !preset.NeedsTeacher || Options.Teacher.ModelId is not null);
            _draft.Dimensions.Add(Make(first));
            await CheckAsync(Gone);
        }
        _isRead = true;
    }

    /// <inheritdoc/>
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        // Not at the first drawing, which may come before the run is read.
        if (!_isRead || _begun)
            return;
        _begun = true;
        _kept = new BrowserDraft<KeptPlan>(js, $"sweep{new Uri(navigation.Uri).Query}", Gone);
        if (await _kept.RecallAsync() is not { } kept || await runService.FindAsync(kept.BaseId, Gone) is not Run run)
            return;
        await TakeAsync(run);
        _form!.Draft.Take(kept.Texts);
        (_draft, _restored) = (kept.Plan, kept.At);
        await CheckAsync(Gone);
        StateHasChanged();
    }

    private async Task StartAfreshAsync()
    {
        await _kept!.ForgetAsync();
        navigation.Refresh(forceReload: true);
    }

    private async Task TakeAsync(Run run)
    {
        RunOptions options = StoredOptions.Of(run);
        options = options with { Name = "", Checkpoints = options.Checkpoints with { KeepLast = SweepPlan.DefaultKeepLastCheckpoints } };
        RunDraft draft = RunDraft.Of(options);
        // The choice lists compare texts, and ids are stored in more than one notation.
        foreach (string path in new[] { "teacher.modelId", "data.datasetId", "student.modelId" })
            draft[path] = Guid.TryParse(draft[path], out Guid id) ? id.ToString("N") : "";
        (_base, _form) = (run, new RunForm(draft, RunDraft.Of(options), run.Name, Changed));
        await KnowAsync();
    }

    // The names of what the options name, and how deep the teacher is.
    private async Task KnowAsync()
    {
        RunOptions options = Options;
        Model? teacher = Guid.TryParse(options.Teacher.ModelId, out Guid id) ? await models.FindModelAsync(id, Gone) : null;
        _teacherLayers = teacher?.Layers;
        Guid[] named = [.. new[] { options.Teacher.ModelId, options.Student.ModelId, options.Data.DatasetId }.Select(text => Guid.TryParse(text, out Guid one) ? one : (Guid?)null).OfType<Guid>()];
        foreach ((Guid known, string name) in (await models.NamesAsync(named, Gone)).Concat(await datasets.NamesAsync(named, Gone)))
            _names[known.ToString("N")] = name;
    }

    private static IReadOnlySet<string> PathsOf(string group) => LossCatalogue.RunSchema.In(group).Where(field => !field.IsLabel).Select(field => field.Path).ToHashSet();

    private Func<string, Task<Offer>>? SearchOf(string path) => path switch
    {
        "teacher.modelId" or "student.modelId" => async words => Offer.Of(await models.SliceAsync(words, heads: ModelFigures.Trainable, withSweeps: words != "", cancel: Gone), model => (model.Id.ToString("N"), model.Name)),
        "data.datasetId" => async words => Offer.Of(await datasets.ReadAsync(words, readyOnly: true, cancel: Gone), dataset => (dataset.Id.ToString("N"), dataset.Name)),
        _ => null,
    };

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

    private SweepDimensionDraft? DimensionOf(SweepPreset preset) => _draft.Dimensions.FirstOrDefault(dimension => dimension.Preset == preset.Name);

    private SweepDimensionDraft Make(SweepPreset preset)
    {
        SweepDimensionDraft dimension = SweepDimensionDraft.Of(preset.Make(Options, _teacherLayers));
        dimension.Preset = preset.Name;
        return dimension;
    }

    private void Toggle(SweepPreset preset)
    {
        if (DimensionOf(preset) is SweepDimensionDraft known)
            Remove(known);
        else
            Set(() => _draft.Dimensions.Add(Make(preset)));
    }

    private void Add() => Set(() => _draft.Dimensions.Add(new SweepDimensionDraft { Option = "optimiser.learningRate", Name = "learning rate" }));

    private void Remove(SweepDimensionDraft dimension) => Set(() => _draft.Dimensions.Remove(dimension));

    private void Set(Action change)
    {
        change();
        Changed();
    }

    private void Changed()
    {
        _checking = true;
        _ = KeepAsync();
        _pendingCheck?.Cancel();
        _pendingCheck = CancellationTokenSource.CreateLinkedTokenSource(Gone);
        _ = CheckSoonAsync(_pendingCheck.Token);
    }

    private async Task KeepAsync()
    {
        try
        {
            if (_kept is not null)
                await _kept.KeepAsync(() => new KeptPlan(DateTime.UtcNow, _base!.Id, _form!.Draft.Texts, _draft));
        }
        catch (JSException e)
        {
            // The browser keeps nothing, for lack of room or by its settings: the form goes on without.
            logger.LogWarning(e, "The draft of a sweep could not be kept");
        }
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
        await KnowAsync();
        RunOptions options = _form!.Draft.Read(out IReadOnlyList<OptionProblem> ofBase);
        SweepPlan plan = _draft.Read(options, out IReadOnlyList<OptionProblem> unreadable);
        unreadable = [.. ofBase.Select(problem => problem with { Field = $"options.{problem.Field}" }), .. unreadable];
        // Five hundred points are checked beside the circuit, so that the keys that are pressed meanwhile are heard.
        SweepPreview? preview = unreadable.Count > 0 ? null : await Task.Run(() => planner.CheckAsync(plan, cancel), cancel);
        // One that was overtaken may end after the one that took its place.
        cancel.ThrowIfCancellationRequested();
        (_unreadable, _preview, _checking) = (unreadable, preview, false);
        _seeds = plan.Dimensions.Where(dimension => dimension.IsOfSeeds).Select(dimension => dimension.Name).ToHashSet();
        // A problem of the base stands beside its option too, in the group that it opens.
        _form.Problems = [.. Problems.Where(problem => problem.Field.StartsWith("options.", StringComparison.Ordinal)).Select(problem => problem with { Field = problem.Field["options.".Length..] })];
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
            await _kept!.ForgetAsync();
            navigation.NavigateTo($"/sweeps/{sweep.Id:N}");
        });
        if (Failure is OptionsInvalidException invalid)
            (_unreadable, Failure) = (invalid.Problems, null);
    }

    private async Task FocusAsync(OptionProblem problem)
    {
        string element = ElementOf(problem);
        _form!.Revealed = element;
        // Drawn before it is asked for: what stands in a closed group takes no focus.
        StateHasChanged();
        await js.InvokeVoidAsync("webdistill.focus", element);
        _form.Revealed = null;
    }

    // The control where a problem is mended: that of the dimension that sets the option, else the base run's option.
    private string ElementOf(OptionProblem problem)
    {
        if (problem.Field is "name" or "draws" or "drawSeed" or "firstPoints" or "metric")
            return problem.Field;
        if (problem.Field == "halving")
            return "ends";
        if (problem.Field is "halving.eta" or "halving.firstRungUpdates")
            return problem.Field == "halving.eta" ? "eta" : "firstRung";
        if (Regex.Match(problem.Field, @"^dimensions\[(\d+)\]") is { Success: true } place)
            return $"dimension-{place.Groups[1].Value}";
        string option = problem.Field[(problem.Field.IndexOf('.') + 1)..];
        int dimension = _draft.Dimensions.FindIndex(one =>
            one.Option == option || one.Option == "" && one.Rows.Any(row => row.Changes.Contains(option, StringComparison.Ordinal)));
        return problem.Field == "dimensions" ? "add-dimension" : dimension >= 0 ? $"dimension-{dimension}"
            : LossCatalogue.RunSchema.FindOrNull(option) is not null ? option : "base";
    }

    private string? ProblemOf(string element) => Problems.FirstOrDefault(problem => ElementOf(problem) == element)?.Message;

    private string? ProblemOfDimension(int index) => ProblemOf(string.Create(CultureInfo.InvariantCulture, $"dimension-{index}"));

    private int RunsInAll => _preview is null ? 0 : _preview.Runs.Count + _preview.RunsToCome;

    private string PointsNote => _draft.Strategy switch
    {
        SweepStrategy.Grid => "Right with one or two options whose values you want to see side by side.",
        SweepStrategy.Random => "Right with many options: few of them matter, and draws try more values of those. Every point that is drawn is trained under every seed of a dimension of seeds.",
        _ => "Right with a few numbers and runs that take long: fewer points are wasted. Points wait for one another, and every point is trained under every seed of a dimension of seeds.",
    };

    private string EndsNote => _draft.Halves ? "Right where the first updates already tell good points from bad ones, as they do for learning rates."
        : "Right where points differ little, or overtake each other late: the verdict compares whole runs.";

    private string BaseNote()
    {
        RunOptions options = Options;
        string student = options.Student.TeacherLayers?.Count is int copied ? Figures.Layers(copied) :
            options.Student.LayerCount is int layers ? Figures.Layers(layers) : "half of the teacher's layers";
        return string.Create(CultureInfo.InvariantCulture, $"{(options.Teacher.ModelId is null ? "From scratch" : "Distilled")}, {student}, ")
            + $"{options.Schedule.Epochs} {(options.Schedule.Epochs == 1 ? "epoch" : "epochs")}, batches of {options.Schedule.BatchSize}, learning rate "
            + $"{RunDraft.Of(options)["optimiser.learningRate"]}.";
    }
}
