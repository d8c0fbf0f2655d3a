using WebDistill.Data;
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

    private Model? StudentModel => ModelOf(Draft["studentModelId"]);

    private Dataset? ChosenDataset => Guid.TryParse(Draft["datasetId"], out Guid id) ? _datasets.GetValueOrDefault(id) : null;

    private async Task<Offer> FindModelsAsync(string filter)
    {
        Slice<Model> found = await modelService.SliceAsync(filter, cancel: Gone);
        foreach (Model model in found.Rows)
            _models[model.Id] = model;
        return Offer.Of(found, model => (Text(model.Id), model.Name));
    }

    private async Task<Offer> FindDatasetsAsync(string filter)
    {
        Slice<Dataset> found = await datasetTable.ReadAsync(filter, cancel: Gone);
        foreach (Dataset dataset in found.Rows)
            _datasets[dataset.Id] = dataset;
        return Offer.Of(found, dataset => (Text(dataset.Id), Label(dataset)));
    }

    private static string Label(Dataset dataset) =>
        dataset.State == DatasetState.Ready ? dataset.Name : $"{dataset.Name} ({dataset.State})";

    /// <summary>Reads what there is to choose from, as far as the form speaks of it.</summary>
    private async Task ReadChoicesAsync()
    {
        _largest = await modelService.LargestAsync(Gone);
        if (_largest is not null)
            _models[_largest.Id] = _largest;
        _hasModels = (await FindModelsAsync("")).Total > 0;
        _hasDatasets = (await FindDatasetsAsync("")).Total > 0;
    }

    /// <summary>Reads what a draft names, so that it is known.</summary>
    private async Task KnowAsync(RunDraft draft)
    {
        foreach (string field in new[] { "teacherId", "studentModelId" })
        {
            if (Guid.TryParse(draft[field], out Guid id) && !_models.ContainsKey(id) && await modelService.FindModelAsync(id, Gone) is Model model)
                _models[id] = model;
        }
        if (Guid.TryParse(draft["datasetId"], out Guid named) && await datasetTable.FindAsync(named, Gone) is Dataset dataset)
            _datasets[named] = dataset;
    }

    /// <summary>
    /// What the address names, where it exists; else, of the models that can be shown text, the one there is most to learn from, and a data
    /// set tokenised with its own vocabulary, otherwise the newest that is ready.
    /// </summary>
    private async Task ChooseAsync(RunDraft draft)
    {
        (draft["teacherId"], draft["datasetId"]) = (Canonical(TeacherId), Canonical(DatasetId));
        await KnowAsync(draft);
        Model? teacher = ModelOf(draft["teacherId"]) ?? _largest;
        draft["teacherId"] = Text(teacher?.Id);
        if (!Guid.TryParse(draft["datasetId"], out Guid named) || !_datasets.ContainsKey(named))
            draft["datasetId"] = Text((await MatchingDatasetAsync(teacher))?.Id);
    }

    private async Task<Dataset?> MatchingDatasetAsync(Model? teacher)
    {
        Dataset? matching = (teacher?.TokenizerSha256 is string tokenizer ? await datasetTable.NewestReadyAsync(tokenizer, cancel: Gone) : null)
            ?? await datasetTable.NewestReadyAsync(null, cancel: Gone);
        if (matching is not null)
            _datasets[matching.Id] = matching;
        return matching;
    }

    private static string Canonical(string? text) => Guid.TryParse(text, out Guid id) ? Text(id) : "";
}
