using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;
using static System.FormattableString;

namespace WebDistill.Web.Playground;

// Which models there are to choose from, and which are chosen: by the address, by the reader, or else the newest pair.
public sealed partial class PlaygroundPage
{
    // Those that were named or chosen: describing every checkpoint would read the files of all.
    private readonly Dictionary<Guid, Model> _known = [];
    private IReadOnlyList<Checkpoint> _ofRun = [];
    private (Guid Id, string Label)? _checkpointsOf;
    private Run? _joining;
    private Guid? _leftId, _rightId;
    private bool _hasModels, _hasCheckpoints, _isRead, _offersExamples;

    /// <inheritdoc/>
    protected override async Task FetchAsync()
    {
        bool hadModels = _hasModels, wasRead = _isRead;
        _hasModels = (await modelService.SliceAsync(continuing: true, cancel: Gone)).Total > 0;
        _hasCheckpoints = (await table.WithCheckpointsAsync("", Gone)).Total > 0;
        if (wasRead && !hadModels && _hasModels)
            await ChooseByAddressAsync();
        await ReadChosenAsync();
        _isRead = true;
    }

    // What stands beside the chosen models: the run that joins them, the checkpoints that answer.
    private async Task ReadChosenAsync()
    {
        Guid[] chosen = [.. new[] { _leftId, _rightId }.OfType<Guid>()];
        Guid[] runsOfCheckpoints = [.. chosen.Select(id => _known.GetValueOrDefault(id)).Where(model => model?.RunId is Guid run && run != model.Id)
            .Select(model => model!.RunId!.Value)];
        _joining = chosen is [Guid left, Guid right] ? await table.JoiningAsync(left, right, runsOfCheckpoints, Gone) : null;
        _offersExamples = chosen.Length > 0 && await table.IsOfQuickStartAsync(chosen, Gone);
        try
        {
            _ofRun = _checkpointsOf is var (run, _) ? await runService.CheckpointsAsync(run, Gone) : [];
        }
        catch (NotFoundException)
        {
            // Deleted while it was shown: then another one is chosen.
            (_checkpointsOf, _ofRun) = (null, []);
        }
    }

    /// <summary>
    /// What a pane offers: models, and checkpoints under the name of their run. What a sweep made is found by its name, and a checkpoint whose
    /// weights are a model's is that model.
    /// </summary>
    private async Task<Offer> FindModelsAsync(string filter)
    {
        Slice<Model> models = await modelService.SliceAsync(filter, continuing: true, withSweeps: filter != "", cancel: Gone);
        IReadOnlySet<string> repeated = await modelService.RepeatedAsync([.. models.Rows.Select(model => model.Name)], Gone);
        Slice<(Checkpoint Checkpoint, string Run)> checkpoints = await table.CheckpointsAsync(filter, Gone);
        return new Offer(
        [
            new OfferGroup("Models", [.. models.Rows.Select(model => (model.Id.ToString("N"), Label(model, repeated.Contains(model.Name))))]),
            .. checkpoints.Rows.GroupBy(row => (row.Checkpoint.RunId, row.Run)).Select(run => new OfferGroup($"Checkpoints of {run.Key.Run}",
                [.. run.Select(row => (row.Checkpoint.Id.ToString("N"), Invariant($"{row.Run}, update {row.Checkpoint.Step}")))])),
        ], models.Total + checkpoints.Total);
    }

    private async Task<Offer> FindRunsWithCheckpointsAsync(string filter) =>
        Offer.Of(await table.WithCheckpointsAsync(filter, Gone), run => (run.Id.ToString("N"), RunLabel(run.Name, run.Checkpoints)));

    private static string RunLabel(string name, int checkpoints) => $"{name} ({(checkpoints == 1 ? "1 checkpoint" : $"{Figures.Count(checkpoints)} checkpoints")})";

    private string? LabelOf(Guid? id) => Find(id) is Model model ? model.RunId is Guid run && run != model.Id ? model.Name : Label(model, false) : null;

    private static string Label(Model model, bool isRepeated) => model.Name
        + (isRepeated ? $" ({Figures.Layers(model.Layers)}, {model.WeightsSha256[..8]})" : $" ({Figures.Layers(model.Layers)})")
        + (model.TokenizerSha256 is null ? ", no tokenizer" : "");

    private async Task ChooseByAddressAsync()
    {
        if (!string.IsNullOrEmpty(Run))
            await ChooseByRunAsync(Run);
        else if (!string.IsNullOrEmpty(Checkpoint))
            await ChooseByCheckpointAsync(Checkpoint);
        else if (!string.IsNullOrEmpty(Left) || !string.IsNullOrEmpty(Right))
            (_leftId, _rightId) = (await NamedAsync(Left), await NamedAsync(Right));
        else
            await ChooseByDefaultAsync();
        await ChooseRunWithCheckpointsAsync(CheckpointsOf ?? Run);
        if (!string.IsNullOrEmpty(CheckpointsOf) && !(Guid.TryParse(CheckpointsOf, out Guid asked) && asked == _checkpointsOf?.Id))
            _notice = $"There is no run {CheckpointsOf} with checkpoints; it may have been deleted. Choose another one.";
    }

    // The one that is named, else the newest.
    private async Task ChooseRunWithCheckpointsAsync(string? named)
    {
        if (Guid.TryParse(named, out Guid id) && await runService.FindAsync(id, Gone) is Run run
            && await runService.CheckpointsAsync(id, Gone) is { Count: > 0 } saved)
            _checkpointsOf = (id, RunLabel(run.Name, saved.Count));
        else if ((await table.WithCheckpointsAsync("", Gone)).Rows is [var (newest, name, checkpoints), ..])
            _checkpointsOf = (newest, RunLabel(name, checkpoints));
        else
            _checkpointsOf = null;
    }

    private async Task ChooseCheckpointsOfAsync(Guid id)
    {
        await ChooseRunWithCheckpointsAsync(id.ToString());
        await ReadChosenAsync();
    }

    private async Task ChooseByRunAsync(string text)
    {
        Run? run = Guid.TryParse(text, out Guid id) ? await runService.FindAsync(id, Gone) : null;
        if (run is null)
        {
            _notice = $"There is no run {text}; it may have been deleted.";
            await ChooseByDefaultAsync();
            return;
        }
        (_leftId, _rightId) = (run.TeacherId, run.StudentModelId);
        if (run.StudentModelId is null)
            _notice = $"The run {run.Name} has not made a model yet ({run.Status}).";
        else if (await KnowAsync(run.StudentModelId) is null)
            _notice = $"The model that the run {run.Name} made has been deleted.";
        if (run.TeacherId is not null && await KnowAsync(run.TeacherId) is null && run.StudentModelId is not null && Find(run.StudentModelId) is not null)
            _notice = $"The teacher of the run {run.Name} has been deleted.";
    }

    // Beside its teacher; without one, beside the model that the run made of it.
    private async Task ChooseByCheckpointAsync(string text)
    {
        if (!Guid.TryParse(text, out Guid id) || await KnowAsync(id) is not Model checkpoint)
        {
            _notice = $"There is no checkpoint {text}; it may have been deleted. Choose a model.";
            await ChooseByDefaultAsync();
            return;
        }
        Run? run = checkpoint.RunId is Guid runId ? await runService.FindAsync(runId, Gone) : null;
        Guid? beside = run?.TeacherId ?? run?.StudentModelId;
        (_leftId, _rightId) = (await KnowAsync(beside) is null ? null : beside, id);
    }

    private async Task<Guid?> NamedAsync(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        if (Guid.TryParse(text, out Guid id) && await KnowAsync(id) is not null)
            return id;
        _notice = $"There is no model {text}; it may have been deleted. Choose another one.";
        return null;
    }

    private async Task ChooseByDefaultAsync()
    {
        if (await table.NewestPairAsync(Gone) is Run pair)
            (_leftId, _rightId) = (pair.TeacherId, pair.StudentModelId);
        else if (await modelService.ListAsync(limit: 2, cancel: Gone) is { Count: > 0 } newest)
            (_leftId, _rightId) = (newest[0].Id, newest[^1].Id);
        await KnowAsync(_leftId);
        await KnowAsync(_rightId);
    }

    private Model? Find(Guid? id) => id is Guid named ? _known.GetValueOrDefault(named) : null;

    /// <summary>Describes a model or a checkpoint, so that <see cref="Find"/> knows it; null when there is neither with that id.</summary>
    private async Task<Model?> KnowAsync(Guid? id)
    {
        if (id is not Guid named)
            return null;
        if (await modelService.FindAsync(named, Gone) is Model model)
            return _known[named] = model;
        _known.Remove(named);
        return null;
    }

    private async Task ChooseLeftAsync(Guid id)
    {
        _leftId = await ChosenAsync(id);
        await ReadChosenAsync();
    }

    private async Task ChooseRightAsync(Guid id)
    {
        _rightId = await ChosenAsync(id);
        await ReadChosenAsync();
    }

    private async Task<Guid?> ChosenAsync(Guid id)
    {
        // What is compared is no longer what is chosen.
        _comparison?.Clear();
        return await NamedAsync(id.ToString());
    }

    /// <summary>
    /// "Teacher" or "Student" when the panes show the two models of one run, or one of its checkpoints beside its teacher.
    /// </summary>
    private string? Role(Guid? id) => _joining is null || id is null ? null : id == _joining.TeacherId ? "Teacher" : "Student";
}
