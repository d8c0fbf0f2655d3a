using System.Globalization;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using MudBlazor;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Evaluations;

/// <summary>Models on sets: what was measured, what is under way, and what can be.</summary>
public sealed partial class EvaluatePage
{
    [Inject] private EvaluationService Evaluations { get; set; } = null!;
    [Inject] private EvaluationFiles Files { get; set; } = null!;
    [Inject] private EvaluationAnnouncements Announcements { get; set; } = null!;
    [Inject] private ModelService Models { get; set; } = null!;
    [Inject] private RunService Runs { get; set; } = null!;
    [Inject] private DatasetTable Datasets { get; set; } = null!;
    [Inject] private Dialogs Dialogs { get; set; } = null!;
    [Inject] private ISnackbar Snackbar { get; set; } = null!;
    [Inject] private IJSRuntime Js { get; set; } = null!;

    /// <summary>A model or a checkpoint to begin with.</summary>
    [SupplyParameterFromQuery] private string? Model { get; set; }

    /// <summary>Its teacher.</summary>
    [SupplyParameterFromQuery] private string? Teacher { get; set; }

    private readonly HashSet<Guid> _chosen = [];
    // Those that were named or chosen: they stay on the page when a filter leaves them out.
    private readonly Dictionary<Guid, Model> _named = [];
    private Slice<Model>? _shown;
    private Slice<Evaluation> _evaluations = new([], 0, 0);
    private IReadOnlyList<OptionProblem> _problems = [];
    private Guid? _open;
    private string _teacher = "", _text = "", _context = "", _stride = "", _filter = "";
    private string? _said, _textName, _training;
    private WindowPreset _preset = WindowPreset.All[0];
    private ILookup<(string Weights, string Set), Evaluation> _measured = Enumerable.Empty<Evaluation>().ToLookup(e => (e.WeightsSha256, e.Set));
    private (string Name, string Weights, string Set)? _pair;
    private int _first, _all;
    private bool _starting, _isWindow;

    protected override async Task OnInitializedAsync()
    {
        await LoadAsync();
        if (Guid.TryParse(Model, out Guid named) && await KnowAsync(named)) _chosen.Add(named);
        if (_chosen.Count == 0 && _shown!.Rows is [Model newest, ..])
        {
            _named[newest.Id] = newest;
            _chosen.Add(newest.Id);
        }
        Model? first = _named.Values.FirstOrDefault(known => _chosen.Contains(known.Id));
        Guid? teacher = Guid.TryParse(Teacher, out Guid asked) ? asked
            : first?.RunId is Guid run ? (await Runs.FindAsync(run, Gone))?.TeacherId : null;
        if (teacher is Guid found && await Models.FindModelAsync(found, Gone) is Model known)
        {
            _named[found] = known;
            _teacher = found.ToString("N");
            _chosen.Add(found);
        }
        await ReadMeasuredAsync();
        if (first?.TokenizerSha256 is string tokenizer && await Datasets.NewestReadyAsync(tokenizer, cancel: Gone) is Dataset matching)
            (_text, _textName) = (matching.Id.ToString("N"), matching.Name);
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<Bell> Bells => [new(Announcements, TimeSpan.FromSeconds(0.5))];

    protected override async Task FetchAsync()
    {
        int first = _first;
        Slice<Evaluation> evaluations = await Evaluations.SliceAsync(first, Gone);
        if (first == _first) (_evaluations, _first) = (evaluations, evaluations.First);
        _training = (await Runs.ActiveAsync(Gone))?.Name;
        await FindAsync();
        await ReadMeasuredAsync();
    }

    private async Task ReadMeasuredAsync() =>
        _measured = (await Evaluations.OfWeightsAsync([.. Offered().Select(model => model.WeightsSha256).Distinct()], Gone)).ToLookup(e => (e.WeightsSha256, e.Set));

    private async Task FilterAsync(string filter)
    {
        _filter = filter;
        await FindAsync();
        await ReadMeasuredAsync();
    }

    private Task GoAsync(int first)
    {
        _first = first;
        return LoadAsync();
    }

    private async Task FindAsync()
    {
        string filter = _filter;
        Slice<Model> models = await Models.SliceAsync(filter, continuing: true, withSweeps: filter != "", cancel: Gone);
        // Another key was pressed meanwhile: that answer counts.
        if (filter != _filter) return;
        _shown = models;
        if (filter == "") _all = models.Total;
    }

    // The chosen ones stay in sight, whatever the filter leaves of the others.
    private IEnumerable<Model> Offered() =>
        _shown!.Rows.Concat(_named.Values.Where(model => _chosen.Contains(model.Id) && _shown.Rows.All(shown => shown.Id != model.Id)));

    private async Task<bool> KnowAsync(Guid id)
    {
        if (!_named.ContainsKey(id) && await Models.FindAsync(id, Gone) is Model model) _named[id] = model;
        return _named.ContainsKey(id);
    }

    private string? NameOf(string id) => Guid.TryParse(id, out Guid named) ? _named.GetValueOrDefault(named)?.Name : null;

    private void ToggleModel(Model model, bool isChosen)
    {
        _named[model.Id] = model;
        Toggle(_chosen, model.Id, isChosen);
    }

    private async Task<Offer> FindTeachersAsync(string filter) =>
        Offer.Of(await Models.SliceAsync(filter, continuing: true, cancel: Gone), model => (model.Id.ToString("N"), model.Name));

    private async Task ChooseTeacherAsync(string id)
    {
        if (Guid.TryParse(id, out Guid named)) await KnowAsync(named);
        _teacher = id;
        await ReadMeasuredAsync();
    }

    private async Task<Offer> FindTextsAsync(string filter)
    {
        Slice<Dataset> datasets = await Datasets.ReadAsync(filter, readyOnly: true, holdsExamples: false, cancel: Gone);
        (string, string)[] files = [.. Files.Texts().Where(name => Lists.Words(filter).All(word => name.Contains(word, StringComparison.OrdinalIgnoreCase)))
            .Select(name => ($"file:{name}", name))];
        return new Offer(
        [
            new OfferGroup(null, [.. datasets.Rows.Select(dataset => (dataset.Id.ToString("N"), dataset.Name))]),
            new OfferGroup("Text files of the evaluation folder", [.. files.Take(Lists.PageRows)]),
        ], datasets.Total + files.Length);
    }

    private async Task ChooseTextAsync(string value)
    {
        _text = value;
        _textName = Guid.TryParse(value, out Guid id) ? (await Datasets.FindAsync(id, Gone))?.Name : value.StartsWith("file:", StringComparison.Ordinal) ? value["file:".Length..] : null;
    }

    private static void Toggle<T>(HashSet<T> chosen, T item, bool isChosen)
    {
        if (isChosen) chosen.Add(item);
        else chosen.Remove(item);
    }

    private string? Problem(string field) => _problems.FirstOrDefault(problem => problem.Field == field)?.Message;

    private string WindowText => $"{(_context == "" ? "each model's positions" : $"{_context} tokens")}, {(_stride == "" ? _preset.Label.Split(" (")[0].ToLowerInvariant() : $"stride {_stride}")}";

    private EvaluationSet[] Ready => [.. EvaluationSets.All.Where(set => set.Source != EvaluationSource.File || Files.Find(set) is not null)];

    private EvaluationSet[] Missing => [.. EvaluationSets.All.Where(set => set.Source == EvaluationSource.File && Files.Find(set) is null)];

    // Of a set that reads any text, on the text that is chosen; of one that compares two, with the teacher that is chosen.
    private Evaluation? Newest(Model model, EvaluationSet set) => _measured[(model.WeightsSha256, set.Name)].FirstOrDefault(one =>
        (set.Source != EvaluationSource.AnyText || _text == "" || one.DatasetId?.ToString("N") == _text || one.DatasetId is null && $"file:{one.SourceName}" == _text)
        && (!set.ComparesTwo || _teacher == "" || one.ReferenceModelId?.ToString("N") == _teacher));

    private Evaluation? TeacherOf(Model model, EvaluationSet set) => set.ComparesTwo || Newest(model, set) is not { } own || Guid.TryParse(_teacher, out Guid id) is false
        || !_named.TryGetValue(id, out Model? teacher) ? null
        : _measured[(teacher.WeightsSha256, set.Name)].FirstOrDefault(one => one.Status == EvaluationStatus.Completed && (one.SourceSha256, one.ContextLength, one.Stride) == (own.SourceSha256, own.ContextLength, own.Stride));

    private string? Obstacle(Model model, EvaluationSet set) => set switch
    {
        { Source: EvaluationSource.AnyText } when _text == "" => "Needs a data set or a text file: choose one above.",
        { ComparesTwo: true } when _teacher == "" => "Needs a teacher: choose one above.",
        { ComparesTwo: true } when model.Id.ToString("N") == _teacher => "This is the teacher, with which the others are compared.",
        _ => null,
    };

    private IReadOnlyList<Evaluation> Listed => _pair is var (_, weights, set) ? [.. _measured[(weights, set)]] : _evaluations.Rows;

    private Task OpenAsync(Model? model, EvaluationSet? set)
    {
        _pair = model is null || set is null ? null : ($"{model.Name} on {set.Title}", model.WeightsSha256, set.Name);
        _open = _pair is null ? null : Newest(model!, set!)?.Id;
        return Js.InvokeVoidAsync("webdistill.focus", "h-evaluations").AsTask();
    }

    private string ReportAddress() =>
        $"/report?models={string.Join(',', _chosen.Select(id => id.ToString("N")))}{(_teacher == "" ? "" : $"&teacher={_teacher}")}";

    private Task StartAsync() => MeasureAsync([.. Offered().Where(model => _chosen.Contains(model.Id))], Ready);

    private async Task NowAsync(Evaluation evaluation) => await ChangeAsync(() => Evaluations.MeasureNowAsync(evaluation.Id, Gone));

    private async Task MeasureAsync(IReadOnlyList<Model> models, IReadOnlyList<EvaluationSet> sets)
    {
        (_problems, _said, _starting) = ([], null, true);
        await TryAsync(async () =>
        {
            Guid? teacher = Guid.TryParse(_teacher, out Guid id) ? id : null;
            int created = 0, known = 0;
            if (models.Count == 0) throw new OptionsInvalidException("set", "No model is chosen. Choose at least one below.");
            foreach (EvaluationSet set in sets)
            {
                foreach (Model model in models.Where(model => Obstacle(model, set) is null))
                {
                    bool readsText = set.Source == EvaluationSource.AnyText;
                    int? context = Number("contextLength", _context);
                    (_, bool isNew) = await Evaluations.CreateAsync(new EvaluationRequest
                    {
                        ModelId = model.Id,
                        Set = set.Name,
                        ReferenceModelId = set.ComparesTwo ? teacher : null,
                        DatasetId = readsText && Guid.TryParse(_text, out Guid dataset) ? dataset : null,
                        FileName = readsText && _text.StartsWith("file:", StringComparison.Ordinal) ? _text["file:".Length..] : null,
                        ContextLength = context,
                        Stride = set.UsesStride ? Number("stride", _stride) ?? _preset.Stride(context ?? model.ContextLength) : null,
                    }, Gone);
                    if (isNew) created++;
                    else known++;
                }
            }
            _said = $"{created} queued{(known > 0 ? $", {known} measured or asked for before" : "")}.";
            await LoadAsync();
        });
        _starting = false;
        if (Failure is not OptionsInvalidException invalid) return;
        // What has no field of its own here is said above the page; what has one in the window's settings opens them.
        (_problems, Failure) = (invalid.Problems, invalid.Problems.Any(problem => problem.Field == "modelId") ? invalid : null);
        _isWindow |= Problem("contextLength") is not null || Problem("stride") is not null;
    }

    private static int? Number(string field, string text) => string.IsNullOrWhiteSpace(text) ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value
        : throw new OptionsInvalidException(field, $"“{text}” is not a whole number. Write digits only, like 512.");

    private async Task AgainAsync(Evaluation evaluation) => await Evaluations.CreateAsync(new EvaluationRequest
    {
        ModelId = evaluation.ModelId,
        Set = evaluation.Set,
        ReferenceModelId = evaluation.ReferenceModelId,
        DatasetId = evaluation.DatasetId,
        FileName = evaluation.DatasetId is null && EvaluationSets.Get(evaluation.Set).Source == EvaluationSource.AnyText ? evaluation.SourceName : null,
        ContextLength = evaluation.ContextLength,
        Stride = EvaluationSets.Get(evaluation.Set).UsesStride ? evaluation.Stride : null,
    }, Gone);

    private async Task DeleteAsync(Evaluation evaluation)
    {
        if (!await Dialogs.ConfirmAsync("Delete this evaluation?",
            $"Deletes the figures of {evaluation.ModelName} on {EvaluationSets.Get(evaluation.Set).Title}.", "They can be measured again while the weights exist.", "Delete")) return;
        if (await ChangeAsync(() => Evaluations.DeleteAsync(evaluation.Id)))
            Snackbar.Add("Deleted the evaluation", Severity.Success);
    }

    private Task<bool> ChangeAsync(Func<Task> action) => TryAsync(async () =>
    {
        await action();
        await LoadAsync();
    });
}
