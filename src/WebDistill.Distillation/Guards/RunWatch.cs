using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>The guards of one run.</summary>
/// <remarks>
/// What they remember is derived from the recorded updates: an attempt begins with <see cref="Replay"/> of those that stand, and has then seen what an attempt that was never cut would have. Nothing of it is
/// saved, so that nothing can contradict the record; after going back, the updates that are made again are not among them. What a clock or the machine said begins anew. One thread at a time.
/// </remarks>
public sealed class RunWatch
{
    private readonly RunOptions _options;
    private readonly LossLevel _losses = new();
    private readonly (Guard Guard, GuardState State)[] _states;

    /// <summary>Begins to watch.</summary>
    /// <param name="options">With the guards to be asked.</param>
    /// <param name="hasTeacher">Whether its losses compare with a teacher.</param>
    /// <param name="totalSteps">Updates of the whole run.</param>
    public RunWatch(RunOptions options, bool hasTeacher, int totalSteps)
    {
        _options = options;
        var run = new WatchedRun(
            options, totalSteps, [.. LossCatalogue.Active(options, hasTeacher).Select(loss => new WatchedTerm(loss.Name, loss.Label, loss.NeedsTeacher))], _losses);
        _states = [.. GuardCatalogue.All.Select(guard => (guard, guard.Begin(run)))];
    }

    /// <summary>Tells of updates that were made before.</summary>
    /// <param name="wereJudged">By the same guards, so that nobody needs to be told again of what holds still.</param>
    public void Replay(IEnumerable<StepReport> recorded, bool wereJudged = true)
    {
        foreach (StepReport report in recorded)
            After(report, seconds: null);
        if (wereJudged)
            return;
        foreach ((_, GuardState state) in _states)
            state.Rearm();
    }

    /// <summary>An update was made.</summary>
    /// <param name="seconds">Since the one before it, or since the attempt began; null where that was not measured.</param>
    public IReadOnlyList<Sighting> After(StepReport report, double? seconds)
    {
        _losses.Take(report);
        return Seen(state => state.After(report, seconds));
    }

    /// <summary>A moment passes.</summary>
    public IReadOnlyList<Sighting> At(Moment moment) => Seen(state => state.At(moment));

    /// <summary>The loop refused to make an update.</summary>
    public IReadOnlyList<Sighting> At(TrainingDivergedException problem) => Seen(state => state.At(problem));

    /// <summary>
    /// The update whose checkpoint a run goes back to: the newest one before the alarm whose loss was good (<see cref="LossLevel.WasGood"/>). Without one 0, its beginning.
    /// </summary>
    /// <param name="checkpoints">The updates of the complete ones.</param>
    /// <param name="alarm">The update that the alarm is about.</param>
    /// <param name="before">Where it went back to already without getting beyond its alarm: now it goes further back; null where it did not.</param>
    public int LastGood(IEnumerable<int> checkpoints, int alarm, int? before) =>
        checkpoints.Where(step => step < alarm && (before is null || step < before) && _losses.WasGood(step)).DefaultIfEmpty(0).Max();

    private List<Sighting> Seen(Func<GuardState, Sighting?> look)
    {
        List<Sighting> seen = [];
        foreach ((Guard guard, GuardState state) in _states)
        {
            // Those that are off look as well: they can be asked later, and then know what happened before.
            if (look(state) is Sighting sighting && guard.Response(_options.Guards) != GuardResponse.Off)
                seen.Add(sighting);
        }
        return seen;
    }
}
