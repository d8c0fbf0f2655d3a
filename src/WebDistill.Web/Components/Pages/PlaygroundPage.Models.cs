using static System.FormattableString;
using WebDistill.Data;
using WebDistill.Web.Components.Controls;

namespace WebDistill.Web.Components.Pages;

// Which models there are to choose from, and which are chosen: by the address, by the reader, or else the newest pair.
public sealed partial class PlaygroundPage
{
    // Those that were named: describing every one would read the files of all.
    private readonly Dictionary<Guid, Model> _checkpoints = [];
    private IReadOnlyList<Model>? _models;
    private IReadOnlyList<Run> _runs = [];
    private IReadOnlyList<Checkpoint> _allCheckpoints = [];
    private IReadOnlyList<ModelGroup> _choices = [];
    private IReadOnlyList<(Guid Id, string Label)> _runsWithCheckpoints = [];
    private Guid? _leftId, _rightId, _checkpointsOf;
    private bool _offersExamples;

    private IReadOnlyList<Checkpoint> CheckpointsOfRun => [.. _allCheckpoints.Where(checkpoint => checkpoint.RunId == _checkpointsOf)];

    /// <inheritdoc/>
    protected override async Task LoadAsync()
    {
        IReadOnlyList<Model> models = await modelService.ListAsync(Gone);
        _runs = await runService.ListAsync(Gone);
        _allCheckpoints = await runService.AllCheckpointsAsync(Gone);
        HashSet<string> repeated = [.. models.GroupBy(model => model.Name).Where(group => group.Count() > 1).Select(group => group.Key)];
        ILookup<Guid, Checkpoint> ofRun = _allCheckpoints.ToLookup(checkpoint => checkpoint.RunId);
        Run[] withCheckpoints = [.. _runs.Where(run => ofRun.Contains(run.Id))];
        _runsWithCheckpoints =
            [.. withCheckpoints.Select(run => (run.Id, $"{run.Name} ({Figures.Count(ofRun[run.Id].Count())} checkpoints)"))];
        _choices =
        [
            new ModelGroup("Models", [.. models.Select(model => (model.Id, Label(model, repeated.Contains(model.Name))))]),
            .. withCheckpoints.Select(run => new ModelGroup($"Checkpoints of {run.Name}",
                [.. ofRun[run.Id].Select(checkpoint => (checkpoint.Id, Invariant($"{run.Name}, update {checkpoint.Step}")))])),
        ];
        bool first = _models is { Count: 0 } && models.Count > 0;
        _models = models;
        _offersExamples = IsQuickStarts;
        if (first)
            ChooseByAddress();
    }

    private bool IsQuickStarts => _runs.Any(run => run.QuickStartId is not null && run.StudentModelId is Guid student
        && (student == _leftId || student == _rightId));

    private static string Label(Model model, bool isRepeated) => model.Name
        + (isRepeated ? $" ({Figures.Layers(model.Layers)}, {model.WeightsSha256[..8]})" : $" ({Figures.Layers(model.Layers)})")
        + (model.TokenizerSha256 is null ? ", no tokenizer" : "");

    private void ChooseByAddress()
    {
        if (!string.IsNullOrEmpty(Run))
            ChooseByRun(Run);
        else if (!string.IsNullOrEmpty(Checkpoint))
            ChooseByCheckpoint(Checkpoint);
        else if (!string.IsNullOrEmpty(Left) || !string.IsNullOrEmpty(Right))
            (_leftId, _rightId) = (Named(Left), Named(Right));
        else
            ChooseByDefault();
        _checkpointsOf = _runsWithCheckpoints.Select(run => (Guid?)run.Id).FirstOrDefault(id => id.ToString() == AsId(CheckpointsOf ?? Run))
            ?? (_runsWithCheckpoints.Count > 0 ? _runsWithCheckpoints[0].Id : null);
        if (!string.IsNullOrEmpty(CheckpointsOf) && AsId(CheckpointsOf) != _checkpointsOf.ToString())
            _notice = $"There is no run {CheckpointsOf} with checkpoints; it may have been deleted. Choose another one.";
        _offersExamples = IsQuickStarts;
    }

    private static string? AsId(string? text) => Guid.TryParse(text, out Guid id) ? id.ToString() : null;

    private void ChooseByRun(string text)
    {
        Run? run = Guid.TryParse(text, out Guid id) ? _runs.FirstOrDefault(run => run.Id == id) : null;
        if (run is null)
        {
            _notice = $"There is no run {text}; it may have been deleted.";
            ChooseByDefault();
            return;
        }
        _leftId = run.TeacherId;
        _rightId = run.StudentModelId;
        if (run.StudentModelId is null)
            _notice = $"The run {run.Name} has not made a model yet ({run.Status}).";
        else if (Find(run.StudentModelId) is null)
            _notice = $"The model that the run {run.Name} made has been deleted.";
        else if (run.TeacherId is not null && Find(run.TeacherId) is null)
            _notice = $"The teacher of the run {run.Name} has been deleted.";
    }

    // Beside its teacher; without one, beside the model that the run made of it.
    private void ChooseByCheckpoint(string text)
    {
        if (!Guid.TryParse(text, out Guid id) || !_checkpoints.TryGetValue(id, out Model? checkpoint))
        {
            _notice = $"There is no checkpoint {text}; it may have been deleted. Choose a model.";
            ChooseByDefault();
            return;
        }
        Run? run = _runs.FirstOrDefault(run => run.Id == checkpoint.RunId);
        Guid? beside = run?.TeacherId ?? run?.StudentModelId;
        _leftId = Find(beside) is null ? null : beside;
        _rightId = id;
    }

    private Guid? Named(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        if (Guid.TryParse(text, out Guid id) && Find(id) is not null)
            return id;
        _notice = $"There is no model {text}; it may have been deleted. Choose another one.";
        return null;
    }

    private void ChooseByDefault()
    {
        Run? pair = _runs.Where(run => run.Kind == RunKind.Distillation && run.Status == RunStatus.Completed)
            .OrderByDescending(run => run.FinishedAt)
            .FirstOrDefault(run => Find(run.TeacherId) is not null && Find(run.StudentModelId) is not null);
        if (pair is not null)
            (_leftId, _rightId) = (pair.TeacherId, pair.StudentModelId);
        else if (_models is { Count: > 0 } models)
            (_leftId, _rightId) = (models[0].Id, models[Math.Min(1, models.Count - 1)].Id);
    }

    private Model? Find(Guid? id) =>
        id is not Guid known ? null : _checkpoints.GetValueOrDefault(known) ?? _models?.FirstOrDefault(model => model.Id == known);

    /// <summary>Describes a checkpoint when that is what has the id, so that <see cref="Find"/> knows it.</summary>
    private async Task KnowCheckpointAsync(Guid id)
    {
        if (!_checkpoints.ContainsKey(id) && await modelService.FindCheckpointAsync(id, Gone) is Model checkpoint)
            _checkpoints[id] = checkpoint;
    }

    private async Task ChooseLeftAsync(Guid id)
    {
        _leftId = await ChosenAsync(id);
    }

    private async Task ChooseRightAsync(Guid id)
    {
        _rightId = await ChosenAsync(id);
    }

    private async Task<Guid?> ChosenAsync(Guid id)
    {
        // What is compared is no longer what is chosen.
        _comparison?.Clear();
        await KnowCheckpointAsync(id);
        return Named(id.ToString());
    }

    /// <summary>
    /// "Teacher" or "Student" when the panes show the two models of one run, or one of its checkpoints beside its teacher.
    /// </summary>
    private string? Role(Guid? id)
    {
        Run? run = _runs.FirstOrDefault(run => run.Kind == RunKind.Distillation && run.TeacherId is not null
            && ((run.TeacherId == _leftId && IsStudent(run, _rightId)) || (run.TeacherId == _rightId && IsStudent(run, _leftId))));
        return run is null ? null : id == run.TeacherId ? "Teacher" : "Student";
    }

    private bool IsStudent(Run run, Guid? id) =>
        id is Guid known && (run.StudentModelId == known || _checkpoints.GetValueOrDefault(known)?.RunId == run.Id);
}
