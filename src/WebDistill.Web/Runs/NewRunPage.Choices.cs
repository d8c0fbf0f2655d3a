using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

// Which models and data sets can be chosen. There may be thousands: known here are those that were named or offered.
public sealed partial class NewRunPage
{
    private readonly Dictionary<Guid, Model> _models = [];
    private readonly Dictionary<Guid, Dataset> _datasets = [];
    private Model? _largest;
    private bool _hasModels, _hasDatasets;

    private Model? ModelOf(string id) => Guid.TryParse(id, out Guid known) ? _models.GetValueOrDefault(known) : null;

    private Model? StudentModel => ModelOf(Draft["student.modelId"]);

    private Dataset? ChosenDataset => Guid.TryParse(Draft["data.datasetId"], out Guid id) ? _datasets.GetValueOrDefault(id) : null;

    // Those that go with the text first; a model whose weights another one has is offered once.
    private Task<Offer> FindTeachersAsync(string filter) => FindModelsAsync(filter, TeacherHeads);

    private Task<Offer> FindFirstModelsAsync(string filter) => FindModelsAsync(filter, FirstHeads);

    private async Task<Offer> FindModelsAsync(string filter, IReadOnlyList<ModelHead> heads)
    {
        bool ofSweeps = filter != "";
        Slice<Model> found = await modelService.SliceAsync(filter, heads: heads, withSweeps: ofSweeps, cancel: Gone);
        Slice<Model>? fitting = ChosenDataset?.TokenizerSha256 is string tokenizer && found.Total > found.Rows.Count
            ? await modelService.SliceAsync(filter, tokenizerSha256: tokenizer, heads: heads, withSweeps: ofSweeps, cancel: Gone) : null;
        Model[] offered = [.. (fitting?.Rows ?? []).Concat(found.Rows).DistinctBy(model => model.WeightsSha256).Take(Lists.PageRows)];
        foreach (Model model in offered)
            _models[model.Id] = model;
        int hidden = ofSweeps ? 0 : (await modelService.SliceAsync(filter, heads: heads, cancel: Gone)).Total - found.Total;
        return Grouped(offered, model => ChosenDataset is not { State: DatasetState.Ready } dataset || Fits(model, dataset), model => (Text(model.Id), model.Name), found.Total,
            "This text's vocabulary") with
        {
            Remark = hidden == 0 ? null : hidden == 1 ? "1 model of a sweep appears when you search for it." : $"{Figures.Count(hidden)} models of sweeps appear when you search for them.",
        };
    }

    private async Task<Offer> FindDatasetsAsync(string filter)
    {
        Slice<Dataset> found = await datasetTable.ReadAsync(filter, cancel: Gone);
        Slice<Dataset>? fitting = _teacher?.TokenizerSha256 is string tokenizer && found.Total > found.Rows.Count
            ? await datasetTable.ReadAsync(filter, tokenizerSha256: tokenizer, cancel: Gone) : null;
        Dataset[] offered = [.. (fitting?.Rows ?? []).Concat(found.Rows).DistinctBy(dataset => dataset.Id).Take(Lists.PageRows)];
        foreach (Dataset dataset in offered)
            _datasets[dataset.Id] = dataset;
        return Grouped(offered, dataset => _teacher is null || Fits(_teacher, dataset) && _teacher.Teaches(dataset.HoldsExamples()), dataset => (Text(dataset.Id), Label(dataset)), found.Total,
            "This teacher's vocabulary", offered.All(dataset => _teacher?.Teaches(dataset.HoldsExamples()) != false) ? "Other vocabulary" : "Other vocabulary or task");
    }

    // Headings only where there is something to tell apart.
    private static Offer Grouped<T>(IReadOnlyList<T> offered, Func<T, bool> fits, Func<T, (string, string)> entry, int total, string heading, string others = "Other vocabulary")
    {
        ILookup<bool, T> groups = offered.ToLookup(fits);
        return groups[false].Any()
            ? new Offer([new OfferGroup(heading, [.. groups[true].Select(entry)]), new OfferGroup(others, [.. groups[false].Select(entry)])], total)
            : new Offer([new OfferGroup(null, [.. offered.Select(entry)])], total);
    }

    /// <summary>Whether a model's predictions are over the tokens of a data set.</summary>
    private static bool Fits(Model model, Dataset dataset) => dataset.State == DatasetState.Ready
        && (model.TokenizerSha256 is string tokenizer ? tokenizer == dataset.TokenizerSha256 : model.VocabularySize == dataset.VocabularySize);

    private void TakeDataset(Dataset dataset)
    {
        _datasets[dataset.Id] = dataset;
        _form!.Set("data.datasetId", Text(dataset.Id));
    }

    private static string Label(Dataset dataset) =>
        dataset.State == DatasetState.Ready ? dataset.Name : $"{dataset.Name} ({dataset.State})";

    /// <summary>Reads what there is to choose from, as far as the form speaks of it.</summary>
    private async Task ReadChoicesAsync()
    {
        (_largest, _classifier) = (await modelService.LargestAsync(cancel: Gone), await modelService.LargestAsync(ModelHead.Classes, Gone));
        foreach (Model model in new[] { _largest, _classifier }.OfType<Model>())
            _models[model.Id] = model;
        _hasModels = _largest is not null || (await modelService.SliceAsync(heads: ModelFigures.Trainable, cancel: Gone)).Total > 0;
        _hasDatasets = (await datasetTable.ReadAsync(cancel: Gone)).Total > 0;
    }

    /// <summary>Reads what a draft names, so that it is known.</summary>
    private async Task KnowAsync(RunDraft draft)
    {
        foreach (string text in TextLines.Read(draft["teacher.others"]).Concat([draft["teacher.modelId"], draft["student.modelId"]]))
        {
            if (Guid.TryParse(text, out Guid id) && !_models.ContainsKey(id) && await modelService.FindModelAsync(id, Gone) is Model model)
                _models[id] = model;
        }
        if (Guid.TryParse(draft["data.datasetId"], out Guid named) && await datasetTable.FindAsync(named, Gone) is Dataset dataset)
            _datasets[named] = dataset;
    }

    /// <summary>
    /// What the address names, where it exists; else, of the models that can be shown text, the one there is most to learn from, and a data
    /// set tokenised with its own vocabulary, otherwise the newest that is ready.
    /// </summary>
    private async Task ChooseAsync(RunDraft draft)
    {
        (draft["teacher.modelId"], draft["data.datasetId"]) = (Canonical(TeacherId), Canonical(DatasetId));
        await KnowAsync(draft);
        Dataset? asked = Guid.TryParse(draft["data.datasetId"], out Guid id) ? _datasets.GetValueOrDefault(id) : null;
        Model? teacher = ModelOf(draft["teacher.modelId"]) ?? (asked?.HoldsExamples() != true ? _largest : _classifier?.TokenizerSha256 == asked.TokenizerSha256 ? _classifier : null);
        draft["teacher.modelId"] = Text(teacher?.Id);
        if (asked is null)
            draft["data.datasetId"] = Text((await MatchingDatasetAsync(teacher))?.Id);
    }

    private async Task<Dataset?> MatchingDatasetAsync(Model? teacher)
    {
        bool ofClasses = teacher?.HeadKind() == ModelHead.Classes;
        Dataset? matching = (teacher?.TokenizerSha256 is string tokenizer ? await datasetTable.NewestReadyAsync(tokenizer, holdsExamples: ofClasses, cancel: Gone) : null)
            ?? await datasetTable.NewestReadyAsync(null, holdsExamples: ofClasses, cancel: Gone);
        if (matching is not null)
            _datasets[matching.Id] = matching;
        return matching;
    }

    private static string Canonical(string? text) => Guid.TryParse(text, out Guid id) ? Text(id) : "";
}
