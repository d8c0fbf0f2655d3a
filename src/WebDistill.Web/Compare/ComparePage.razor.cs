using Microsoft.AspNetCore.Components;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Compare;

/// <summary>Several runs at once: their curves one over the other, their figures, and the options in which they differ.</summary>
public sealed partial class ComparePage(
    RunService runs, RunTable table, ModelService models, DatasetTable datasets, RunAnnouncements announcements, NavigationManager navigation)
{
    // With more runs than this, the table of options has a row per run instead of a column.
    private const int MostColumns = 5;

    private readonly Dictionary<Guid, int> _slots = [];
    private readonly Dictionary<Guid, string> _names = [];
    private readonly HashSet<Guid> _toldDeleted = [];
    private readonly List<string> _deleted = [];
    private IReadOnlyList<string> _wanted = [];
    private IReadOnlyList<string> _unknown = [];
    private HashSet<Guid> _missing = [];
    private RunComparison? _comparison;
    private string? _loaded;
    private bool _hasRuns, _picking, _best;
    private int _version;

    /// <summary>The ids of the runs, separated by commas.</summary>
    [SupplyParameterFromQuery(Name = "runs")]
    private string? Selection { get; set; }

    /// <inheritdoc/>
    protected override async Task OnParametersSetAsync()
    {
        string selection = Selection ?? "";
        if (_loaded == selection)
            return;
        _loaded = selection;
        _wanted = [.. selection.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
        await LoadAsync();
    }

    /// <inheritdoc/>
    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender)
            Listen(ring => announcements.Subscribe(null, ring), TimeSpan.FromSeconds(1));
    }

    /// <inheritdoc/>
    protected override async Task LoadAsync()
    {
        IReadOnlyList<string> wanted = _wanted;
        Guid[] asked = [.. IdsOf(wanted)];
        Dictionary<Guid, Run> known = (await table.FindAsync(asked, Gone)).ToDictionary(run => run.Id);
        bool hasRuns = known.Count > 0 || await table.NewestAsync(Gone) is not null;
        OptionTexts texts = await OptionTexts.ReadAsync(known.Values.Select(StoredOptions.Of), table, models, datasets, Gone);
        List<Run> found = [];
        List<string> unknown = [];
        foreach (string text in wanted)
        {
            Guid? id = Guid.TryParse(text, out Guid parsed) ? parsed : null;
            if (id is Guid there && known.TryGetValue(there, out Run? run))
            {
                if (!found.Contains(run))
                    found.Add(run);
                _names[run.Id] = run.Name;
            }
            else if (id is Guid gone && _names.TryGetValue(gone, out string? name))
            {
                if (_toldDeleted.Add(gone))
                    _deleted.Add(name);
            }
            else
            {
                unknown.Add(text);
            }
        }
        IReadOnlyDictionary<Guid, MeasuredPair> lowest =
            await runs.LowestPerplexitiesAsync([.. found.Select(run => run.Id)], Gone);
        IReadOnlyList<StepSeries> series = await runs.SeriesAsync(found, Gone);
        // Something else was asked for while this was read: that will be shown.
        if (!wanted.SequenceEqual(_wanted))
            return;
        Place(found);
        (_missing, _hasRuns, _unknown) = ([.. asked.Where(id => !known.ContainsKey(id))], hasRuns, unknown);
        _version++;
        _comparison = RunComparison.Of([.. found.Select(run => lowest.TryGetValue(run.Id, out MeasuredPair? best)
            ? new ComparedRun(run, _slots[run.Id], Perplexity.Stored(best.Value, best.Logarithm), best.Step)
            : new ComparedRun(run, _slots[run.Id], null, null))], series, texts);
    }

    // A run keeps its colour while it is compared, whatever is added or removed beside it.
    private void Place(IReadOnlyList<Run> found)
    {
        foreach (Guid id in _slots.Keys.Except(found.Select(run => run.Id)).ToList())
            _slots.Remove(id);
        foreach (Run run in found.Where(run => !_slots.ContainsKey(run.Id)))
            _slots[run.Id] = Enumerable.Range(0, int.MaxValue).First(slot => !_slots.ContainsValue(slot));
    }

    // From what was asked for, not from what is loaded: a run that is checked while the one before it is being read joins it.
    private IReadOnlyCollection<Guid> Chosen =>
        [.. IdsOf(_wanted).Where(id => !_missing.Contains(id))];

    private static IEnumerable<Guid> IdsOf(IReadOnlyList<string> texts) =>
        texts.Select(text => Guid.TryParse(text, out Guid id) ? id : (Guid?)null).OfType<Guid>().Distinct();

    private string Permalink => navigation.ToAbsoluteUri(Addresses.Compare(Chosen)).ToString();

    private string SameSentence => _comparison!.Same.Count == 1
        ? "1 option is the same"
        : $"{_comparison.Same.Count} options are the same";

    private static string Names(IEnumerable<ComparedOption> options) => string.Join(", ", options.Select(option => $"“{option.Field.Label}”"));

    private void Toggle(Guid id)
    {
        // Who chooses the first run is about to choose the second one.
        _picking |= Chosen.Count == 0;
        Show([.. Chosen.Contains(id) ? Chosen.Where(other => other != id) : Chosen.Append(id)]);
    }

    private void Show(IReadOnlyCollection<Guid> ids)
    {
        _wanted = [.. ids.Select(id => id.ToString("N"))];
        navigation.NavigateTo(Addresses.Compare(ids));
    }
}
