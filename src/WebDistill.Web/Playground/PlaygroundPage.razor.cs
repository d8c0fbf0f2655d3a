using Microsoft.AspNetCore.Components;
using WebDistill.Data;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text.Stories;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Playground;

/// <summary>
/// One prompt and two models: both write, or both score the same text; or every checkpoint of a run answers. Which models are chosen,
/// and what they are called, stands in the other half.
/// </summary>
public sealed partial class PlaygroundPage(
    ModelService modelService, RunService runService, RunTable table, RunAnnouncements announcements, NavigationManager navigation)
{
    // A browser sends no longer address than this, and Kestrel reads none that is much longer.
    private const int MaxAddressCharacters = 4000;

    private static readonly (PlaygroundMode Mode, string Label, string What)[] Modes =
    [
        (PlaygroundMode.SideBySide, "Side by side", "Two models go on from the same prompt"),
        (PlaygroundMode.ScoreText, "Score my text", "Two models read the same text, and are compared on every token"),
        (PlaygroundMode.Checkpoints, "Through training", "Every checkpoint of a run goes on from the same prompt"),
    ];

    private static readonly (string, string)[] Compared =
    [
        (nameof(WhoseText.Student), "Student's text"), (nameof(WhoseText.Teacher), "Follow the teacher"), (nameof(WhoseText.Nobody), "Off"),
    ];

    // Stories that the quick start does not train on, told by the same generator: an opening, and the first sentences of two more.
    private static readonly Lazy<IReadOnlyList<string>> Examples = new(() =>
        ["One day", .. StoryCorpus.Generate(QuickStart.StorySeed + 1, 2)
            .Select(story => story[..(story.IndexOf(". ", StringComparison.Ordinal) + 1)])]);

    private readonly SamplingDraft _draft = new();
    private GenerationPane? _left, _right;
    private ComparisonCard? _comparison;
    private CheckpointAnswers? _answers;
    private PromptHistory? _history;
    private IReadOnlyList<OptionProblem> _problems = [];
    private PlaygroundMode _mode;
    private WhoseText _compare;
    private string _prompt = "";
    private string? _notice, _chosenBy;
    private int _generations;
    private bool _isDrawerOpen, _isHistory;

    [SupplyParameterFromQuery] private string? Run { get; set; }
    [SupplyParameterFromQuery] private string? Checkpoint { get; set; }
    [SupplyParameterFromQuery] private string? Left { get; set; }
    [SupplyParameterFromQuery] private string? Right { get; set; }
    [SupplyParameterFromQuery] private string? CheckpointsOf { get; set; }
    [SupplyParameterFromQuery] private string? Mode { get; set; }
    [SupplyParameterFromQuery] private string? Compare { get; set; }
    [SupplyParameterFromQuery] private string? Prompt { get; set; }
    [SupplyParameterFromQuery] private string? MaxNewTokens { get; set; }
    [SupplyParameterFromQuery] private string? Temperature { get; set; }
    [SupplyParameterFromQuery] private string? TopK { get; set; }
    [SupplyParameterFromQuery] private string? TopP { get; set; }
    [SupplyParameterFromQuery] private string? Seed { get; set; }
    [SupplyParameterFromQuery] private string? RepetitionPenalty { get; set; }
    [SupplyParameterFromQuery] private string? StopStrings { get; set; }
    [SupplyParameterFromQuery] private string? Greedy { get; set; }

    private bool IsWriting =>
        _left?.IsWriting == true || _right?.IsWriting == true || _answers?.IsWriting == true || _comparison?.IsScoring == true;

    private string Waiting => _mode == PlaygroundMode.ScoreText
        ? "Type a text below and press Score: every token is coloured by how far the student is from the teacher."
        : _compare == WhoseText.Nobody ? "Choose whose text is coloured by how far the student is from the teacher."
        : !AreComparable ? "These models have different tokenizers, or none: the same text is other tokens for either, so that their predictions cannot be compared."
        : $"Press Generate: what the {(_compare == WhoseText.Student ? "student" : "teacher")} writes is scored by both models.";

    // A model that is not chosen, or without a tokenizer, is compared with nothing.
    private bool AreComparable => Find(_leftId)?.TokenizerSha256 is string tokenizer && tokenizer == Find(_rightId)?.TokenizerSha256;

    private PlaygroundSettings Settings => new()
    {
        Left = _leftId, Right = _rightId, CheckpointsOf = _checkpointsOf?.Id, Prompt = _prompt, Mode = _mode, Compare = _compare,
        Sampling = _draft.Texts,
    };

    private string? Permalink()
    {
        string address = navigation.GetUriWithQueryParameters(navigation.ToAbsoluteUri("/playground").AbsoluteUri, Settings.Query);
        return address.Length <= MaxAddressCharacters ? address : null;
    }

    /// <inheritdoc/>
    protected override async Task OnParametersSetAsync()
    {
        // The page stays when only its address changes, as from one run's pair to another's.
        if (_chosenBy == navigation.Uri)
            return;
        _chosenBy = navigation.Uri;
        _notice = null;
        (string Name, string? Text)[] sampling =
        [
            ("maxNewTokens", MaxNewTokens), ("temperature", Temperature), ("topK", TopK), ("topP", TopP), ("seed", Seed),
            ("repetitionPenalty", RepetitionPenalty), ("stopStrings", StopStrings), ("greedy", Greedy),
        ];
        Apply(new PlaygroundSettings
        {
            Prompt = Prompt ?? "",
            Mode = Parse<PlaygroundMode>(Mode),
            Compare = Parse<WhoseText>(Compare),
            Sampling = sampling.Where(field => field.Text is not null).ToDictionary(field => field.Name, field => field.Text!),
        });
        await ChooseByAddressAsync();
        await LoadAsync();
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<Bell> Bells => [new(announcements, TimeSpan.FromSeconds(2))];

    // Of a word that is none, as of no word at all, the first one: what the page shows by itself.
    private static T Parse<T>(string? word) where T : struct, Enum =>
        Enum.TryParse(word, ignoreCase: true, out T value) && Enum.IsDefined(value) ? value : default;

    private void Apply(PlaygroundSettings settings)
    {
        Switch(settings.Mode);
        _comparison?.Clear();
        (_leftId, _rightId) = (settings.Left, settings.Right);
        (_prompt, _compare) = (settings.Prompt, settings.Compare);
        _draft.Take(settings.Sampling);
        _draft.Read(out _problems);
    }

    // Another mode is a place of its own in the address, with all that is chosen and typed: a reload shows the same.
    private void Show(PlaygroundMode mode)
    {
        Switch(mode);
        if (Permalink() is not string address || address == navigation.Uri)
            return;
        _chosenBy = address;
        navigation.NavigateTo(address, replace: true);
    }

    private void Drawer(bool history) => (_isDrawerOpen, _isHistory) = (!_isDrawerOpen || _isHistory != history, history);

    private void ShowToken(int index) => _comparison?.Show(index);

    private void Switch(PlaygroundMode mode)
    {
        if (mode == _mode)
            return;
        Stop();
        _comparison?.Clear();
        _mode = mode;
    }

    // A complaint comes when the options are used, and goes as soon as it is answered.
    private void Reread()
    {
        if (_problems.Count > 0)
            _draft.Read(out _problems);
    }

    private async Task GenerateAsync()
    {
        int generation = ++_generations;
        if (_mode == PlaygroundMode.ScoreText)
        {
            await _comparison!.CompareAsync(Find(_leftId), Find(_rightId), new ComparedText(_prompt), "Both models read the text below.");
            return;
        }
        GenerationOptions options = _draft.Read(out _problems);
        if (_problems.Count > 0)
        {
            // What is wrong is said beside its field.
            (_isDrawerOpen, _isHistory) = (true, false);
            return;
        }
        if (_mode == PlaygroundMode.Checkpoints)
        {
            await _answers!.GenerateAsync(_prompt, options);
            return;
        }
        PlaygroundSettings settings = Settings;
        _comparison!.Clear();
        await Task.WhenAll(_left!.GenerateAsync(settings.Prompt, options), _right!.GenerateAsync(settings.Prompt, options));
        // The page was left, another one has begun meanwhile, or the page shows something else now.
        if (Gone.IsCancellationRequested || generation != _generations || _mode != PlaygroundMode.SideBySide)
            return;
        if (_left.Written is not null || _right.Written is not null)
            await _history!.AddAsync(new PromptHistory.Entry(DateTimeOffset.UtcNow, settings, _left.Written, _right.Written));
        await CompareWrittenAsync();
    }

    private Task CompareWithAsync(WhoseText whose)
    {
        _compare = whose;
        _comparison!.Clear();
        return IsWriting ? Task.CompletedTask : CompareWrittenAsync();
    }

    // On the very tokens that were written: the text alone could be cut into others.
    private async Task CompareWrittenAsync()
    {
        GenerationPane author = _compare == WhoseText.Teacher ? _left! : _right!;
        if (Gone.IsCancellationRequested || _compare == WhoseText.Nobody || !AreComparable || author.Written is not { Ids.Count: > 0 } written)
            return;
        await _comparison!.CompareAsync(Find(_leftId), Find(_rightId), new ComparedText(author.Prompt, written.Ids),
            _compare == WhoseText.Teacher
                ? $"The student follows what the teacher, {written.Model}, wrote."
                : $"What the student, {written.Model}, wrote.");
    }

    private async Task RestoreAsync(PromptHistory.Entry entry)
    {
        Stop();
        _generations++;
        _notice = null;
        Apply(entry.Settings);
        (_leftId, _rightId) = (await NamedAsync(_leftId?.ToString()), await NamedAsync(_rightId?.ToString()));
        await ChooseRunWithCheckpointsAsync(entry.Settings.CheckpointsOf?.ToString());
        await ReadChosenAsync();
        // The panes take over their models first, and the panes of another mode have to be drawn at all.
        StateHasChanged();
        await Task.Yield();
        _left!.Restore(entry.Settings.Prompt, entry.Left);
        _right!.Restore(entry.Settings.Prompt, entry.Right);
        await CompareWrittenAsync();
    }

    private void Stop()
    {
        _left?.Stop();
        _right?.Stop();
        _answers?.Stop();
        _comparison?.Stop();
    }
}
