using Microsoft.AspNetCore.Components;
using MudBlazor;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Compare;

/// <summary>Several runs at once: which is better, their curves one over the other, their figures, the options in which they differ, and what they write.</summary>
public sealed partial class ComparePage(
    RunService runs, RunTable table, ModelService models, DatasetTable datasets, Baselines baselines, RunAnnouncements announcements,
    NavigationManager navigation, ISnackbar snackbar,
    PinnedBaseline pinned)
{
    /// <summary>What the address has where the verdict takes its baseline by itself although a run that is compared is pinned.</summary>
    private const string ByRule = "rule";

    private static readonly List<string> Tabs = ["verdict", "curves", "parameters", "text"];

    private readonly Dictionary<Guid, int> _slots = [];
    private readonly Dictionary<Guid, string> _names = [];
    private readonly HashSet<Guid> _toldDeleted = [];
    private readonly List<string> _deleted = [];
    private IReadOnlyList<string> _wanted = [];
    private IReadOnlyList<string> _unknown = [];
    private HashSet<Guid> _missing = [];
    private readonly HashSet<Guid> _hidden = [];
    private RunComparison? _comparison;
    private IReadOnlyList<ComparedArm> _arms = [];
    private Verdict? _verdict;
    private string? _loaded, _baselineOffer, _offeredFor;
    private string _tab = Tabs[0];
    private bool _hasRuns, _best;
    private int _version;
    private Guid? _pinned;

    /// <summary>The ids of the runs, separated by commas.</summary>
    [SupplyParameterFromQuery(Name = "runs")]
    private string? Selection { get; set; }

    /// <summary>What is shown: the verdict, the curves, the parameters, or what the models write.</summary>
    [SupplyParameterFromQuery(Name = "tab")]
    private string? TabName { get; set; }

    /// <summary>What decides: a name of <see cref="RunVerdict.Measures"/>.</summary>
    [SupplyParameterFromQuery(Name = "measure")]
    private string? MeasureName { get; set; }

    /// <summary>A run of the arm that the others shall beat; <see cref="ByRule"/> for the one that the verdict takes by itself. Without it, the run that is pinned.</summary>
    [SupplyParameterFromQuery(Name = "baseline")]
    private string? BaselineRun { get; set; }

    /// <inheritdoc/>
    protected override async Task OnParametersSetAsync()
    {
        string selection = Selection ?? "";
        _tab = Tabs.Contains(TabName ?? "") ? TabName! : Tabs[0];
        if (_loaded == selection)
        {
            Judge();
            return;
        }
        _loaded = selection;
        _wanted = [.. selection.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
        await LoadAsync();
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<Bell> Bells => [new(announcements, TimeSpan.FromSeconds(1))];

    /// <inheritdoc/>
    protected override async Task FetchAsync()
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
        IReadOnlyDictionary<Guid, MeasuredPair> best = await runs.BestAsync([.. found.Select(run => run.Id)], Gone);
        IReadOnlyList<StepSeries> series = await runs.SeriesAsync(found, Gone);
        Run? baseline = await pinned.FindAsync(Gone);
        // Something else was asked for while this was read: that will be shown.
        if (!wanted.SequenceEqual(_wanted))
            return;
        Place(found);
        (_missing, _hasRuns, _unknown) = ([.. asked.Where(id => !known.ContainsKey(id))], hasRuns, unknown);
        _version++;
        _pinned = baseline?.Id;
        _comparison = RunComparison.Of([.. found.Select(run => ComparedRun.Of(run, _slots[run.Id], best.GetValueOrDefault(run.Id)))], series, texts);
        Judge();
        await OfferBaselineAsync();
    }

    private ComparedArm? Baseline => Guid.TryParse(BaselineRun, out Guid id) ? ArmOf(id) : BaselineRun == ByRule ? null : Pinned;

    private ComparedArm? Pinned => _arms.Count > 1 && _pinned is Guid id ? ArmOf(id) : null;

    private ComparedArm? ArmOf(Guid id) => _arms.FirstOrDefault(arm => arm.Runs.Any(run => run.Run.Id == id));

    private void Judge()
    {
        if (_comparison is null)
            return;
        _arms = ComparedArm.Of(_comparison);
        _verdict = RunVerdict.Of(_comparison, _arms, MeasureName, Baseline);
    }

    // Without a choice it is the pinned run; else the verdict takes the arm that learns from the text alone by itself, where there is one.
    private IReadOnlyList<(string, string)> BaselineChoices
    {
        get
        {
            ComparedArm? alone = _arms.Count(arm => arm.IsTextAlone) == 1 ? _arms.Single(arm => arm.IsTextAlone) : null;
            (string, string)[] byItself = Pinned is { } first
                ? [("", $"{first.Title} (pinned)"), .. alone == first ? Array.Empty<(string, string)>() : [(ByRule, alone?.Title ?? "The best one")]]
                : [("", alone?.Title ?? "The best one")];
            return [.. byItself, .. _arms.Where(arm => arm != alone && arm != Pinned).Select(arm => (Key(arm), arm.Title))];
        }
    }

    private static string Key(ComparedArm arm) => arm.Runs[0].Run.Id.ToString("N");

    // What of the choices stands for the present one: the pinned run's has no key of its own.
    private string BaselineChoice => BaselineRun == ByRule && Pinned is not null ? ByRule : Baseline is not { } arm || arm == Pinned ? "" : Key(arm);

    // Of the distillation with the best mean: which runs would have to be made for its baseline, or only added.
    private IReadOnlyList<Run> BestDistillation => _arms.Where(arm => !arm.IsTextAlone).Select(arm => (arm.Runs, arm.With(run => _comparison!.ValueOf(run, best: false)).Mean))
        .OrderBy(arm => arm.Mean is null).ThenBy(arm => (_comparison!.SortTexts ? -1 : 1) * (arm.Mean?.Mean ?? 0), NotFinite.NaNLast)
        .Select(arm => arm.Runs.Select(run => run.Run).ToArray()).FirstOrDefault() ?? [];

    private async Task OfferBaselineAsync()
    {
        IReadOnlyList<Run> distillation = BestDistillation;
        string offeredFor = string.Join(',', _comparison!.Runs.Select(run => $"{run.Run.Id} {run.Run.Status}"));
        // A run that trains rings every second, and changes nothing of this.
        if (offeredFor == _offeredFor)
            return;
        _offeredFor = offeredFor;
        // What is compared already is not offered, complete or not.
        HashSet<string> compared = [.. _comparison.Runs.Select(run => Baselines.Key(StoredOptions.Of(run.Run)))];
        string[] wanted = [.. distillation.Select(run => Baselines.Key(Baselines.Of(run))).Distinct().Where(key => !compared.Contains(key))];
        IReadOnlyDictionary<string, Run> known = wanted.Length == 0 ? new Dictionary<string, Run>() : await baselines.FindAsync(distillation, Gone);
        int missing = wanted.Count(key => !known.ContainsKey(key)), absent = wanted.Length - missing;
        _baselineOffer = missing > 0 ? $"Make the baseline ({(missing == 1 ? "1 run" : $"{missing} runs")})" : absent > 0 ? "Add the baseline" : null;
    }

    private Task AddBaselineAsync() => TryAsync(async () =>
    {
        (IReadOnlyList<Run> made, int queued) = await baselines.CompleteAsync(BestDistillation, Gone);
        if (queued > 0)
            snackbar.Add($"Queued {(queued == 1 ? "1 run that learns" : $"{queued} runs that learn")} from the {(_comparison!.SortTexts ? "labels" : "text")} alone", Severity.Success);
        Show([.. Chosen.Union(made.Select(run => run.Id))]);
    });

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

    private string Permalink => navigation.ToAbsoluteUri(Address(Chosen, _tab, MeasureName, BaselineRun)).ToString();

    private void Toggle(IReadOnlyList<Guid> ids) => Show([.. Chosen.Except(ids), .. ids.Except(Chosen)]);

    private void Hide(Guid id)
    {
        if (!_hidden.Remove(id))
            _hidden.Add(id);
    }

    private void Show(IReadOnlyCollection<Guid> ids)
    {
        _wanted = [.. ids.Select(id => id.ToString("N"))];
        navigation.NavigateTo(Address(ids, _tab, MeasureName, BaselineRun));
    }

    private string VerdictAddress(string format) =>
        $"/api/verdicts?runs={string.Join(',', Chosen.Select(id => id.ToString("N")))}&format={format}{(MeasureName is null ? "" : $"&measure={MeasureName}")}{(Baseline is not { } arm ? "" : $"&baseline={Key(arm)}")}";

    private void ShowTab(int index) => Go(tab: Tabs[index]);

    private void Go(string? tab = null, string? measure = null, string? baseline = null) =>
        navigation.NavigateTo(Address(Chosen, tab ?? _tab, measure ?? MeasureName, baseline ?? BaselineRun), replace: true);

    // What is shown by itself is not written into the address.
    private static string Address(IReadOnlyCollection<Guid> ids, string tab, string? measure, string? baseline)
    {
        string address = Addresses.Compare(ids);
        if (ids.Count == 0)
            return address;
        return address + (tab == Tabs[0] ? "" : $"&tab={tab}")
            + (RunVerdict.NameOf(measure) is string name && name != RunVerdict.Measures[0].Name ? $"&measure={name}" : "")
            + (baseline == ByRule ? $"&baseline={ByRule}" : Guid.TryParse(baseline, out Guid id) && ids.Contains(id) ? $"&baseline={id:N}" : "");
    }
}
