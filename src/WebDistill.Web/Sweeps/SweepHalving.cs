using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Sweeps;

/// <summary>A stage of successive halving.</summary>
/// <param name="Points">How many points train to it.</param>
/// <param name="Updates">The update at which they are compared; the last rung's is the end of the run.</param>
public sealed record SweepRung(int Points, int Updates);

/// <summary>
/// Successive halving (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016): all n points train to r updates, the best ⌊n/η⌋ of them, at least one, to
/// rη, of these the best ⌊n/η²⌋ to rη², and so on. Those that are left when one is left, or when the next rung would not lie before R, the updates of a whole
/// run, train to R. A rung is decided when all of its runs have reached it or ended (synchronously, unlike ASHA of Li et al. 2020, which has the same rungs).
/// Every run has the learning-rate schedule of its R updates from the beginning on: at a rung it rests with its state saved, and one that goes on does exactly
/// what it would have done without the rest. So the points train Σ nₖ (rₖ - rₖ₋₁) updates in all instead of nR.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record SweepHalving
{
    internal const int LeastEta = 2, MostEta = 10;

    /// <summary>r: the update at which all points are compared for the first time.</summary>
    public int FirstRungUpdates { get; init; } = 100;

    /// <summary>η: one of so many goes on, for so many times the updates; 2 to 10.</summary>
    public int Eta { get; init; } = 3;

    /// <summary>The rungs, the last of which is the end of the run.</summary>
    /// <param name="points">n, at least 1.</param>
    /// <param name="updates">R.</param>
    public IReadOnlyList<SweepRung> Rungs(int points, int updates)
    {
        List<SweepRung> rungs = [];
        for (long at = FirstRungUpdates; points > 1 && at < updates; at *= Eta)
        {
            rungs.Add(new SweepRung(points, (int)at));
            points = Math.Max(1, points / Eta);
        }
        return [.. rungs, new SweepRung(points, updates)];
    }

    /// <summary>Updates that the points train in all, Σ nₖ (rₖ - rₖ₋₁), each with one seed.</summary>
    public static long Updates(IReadOnlyList<SweepRung> rungs) => rungs.Select((rung, k) => (long)rung.Points * (rung.Updates - (k == 0 ? 0 : rungs[k - 1].Updates))).Sum();

    /// <summary>"9 points to update 100, 3 to 300, 1 to 900: 2 100 updates instead of 8 100".</summary>
    /// <param name="seeds">Runs of each point.</param>
    public static string Text(IReadOnlyList<SweepRung> rungs, int seeds)
    {
        string stages = string.Join(", ", rungs.Select((rung, k) =>
            k == 0 ? $"{Figures.Counted(rung.Points, "point", "points")} to update {Figures.Count(rung.Updates)}" : $"{Figures.Count(rung.Points)} to {Figures.Count(rung.Updates)}"));
        return $"{stages}{(seeds > 1 ? $", each under {Figures.Count(seeds)} seeds" : "")}: {Figures.Count(Updates(rungs) * seeds)} updates instead of "
            + $"{Figures.Count((long)rungs[0].Points * rungs[^1].Updates * seeds)}";
    }

    /// <summary>What is wrong with the numbers themselves.</summary>
    public IEnumerable<OptionProblem> Validate()
    {
        if (Eta is < LeastEta or > MostEta)
            yield return new OptionProblem("halving.eta", $"The value is {Eta}, expected {LeastEta} to {MostEta}: one of so many points goes on.");
        if (FirstRungUpdates < 1)
            yield return new OptionProblem("halving.firstRungUpdates", $"The value is {FirstRungUpdates}, expected at least 1 update before points are compared.");
    }

    /// <summary>What is wrong with it for these runs.</summary>
    /// <param name="points">Points, seeds not counted.</param>
    /// <param name="updates">Updates of every run.</param>
    public IEnumerable<OptionProblem> Validate(int points, IReadOnlyCollection<int> updates)
    {
        if (points < 2)
            yield return new OptionProblem("halving.eta", "There is one point, and successive halving needs at least 2 to choose from. Add values, or train every point to its end.");
        // Not the same budget is no comparison: whoever has made the larger share of its schedule has the advantage.
        else if (updates.Min() != updates.Max())
            yield return new OptionProblem("halving.firstRungUpdates", $"The runs have {Figures.Count(updates.Min())} to {Figures.Count(updates.Max())} updates, and points are compared at the same "
                + "update of the same schedule. Give all of them one budget (Most updates), or train every point to its end.");
        else if (FirstRungUpdates >= updates.Max())
            yield return new OptionProblem("halving.firstRungUpdates", $"The value is {Figures.Count(FirstRungUpdates)}, expected fewer than the {Figures.Count(updates.Max())} updates of a whole run. "
                + "Compare earlier, or train every point to its end.");
    }
}

/// <summary>A point at a rung that was decided.</summary>
/// <param name="Point">The point, seeds left out: "T = 4".</param>
/// <param name="Value">The sweep's metric at that update, the mean over its seeds; null where a run of it has none, as one that failed.</param>
/// <param name="Rank">From 1, the best one; those without a value are the last.</param>
/// <param name="GoesOn">Whether it trains to the next rung.</param>
public sealed record RungEntry(string Point, double? Value, int Rank, bool GoesOn);

/// <summary>A rung that was decided, as it is recorded.</summary>
/// <param name="Updates">The update at which the points were compared.</param>
/// <param name="At">When, UTC.</param>
/// <param name="Entries">The points, the best one first.</param>
public sealed record DecidedRung(int Updates, DateTime At, IReadOnlyList<RungEntry> Entries)
{
    /// <summary>Those of a sweep, the first one first.</summary>
    public static IReadOnlyList<DecidedRung> Of(Data.Sweep sweep) =>
        sweep.RungsJson is string json ? JsonSerializer.Deserialize<IReadOnlyList<DecidedRung>>(json, WebJson.Measured)! : [];

    /// <summary>Ranks points; a value that is not finite, or is none, is worse than every number, and does not go on.</summary>
    /// <param name="values">The points in the plan's order, which decides between equals.</param>
    /// <param name="survivors">How many may go on.</param>
    /// <param name="cost">Of a value, what less is better of; null for the value itself.</param>
    public static DecidedRung Rank(int updates, DateTime at, IReadOnlyList<(string Point, double? Value)> values, int survivors, Func<double, double>? cost = null) => new(updates, at,
        [.. values.OrderBy(point => point.Value is not double value || !double.IsFinite(value)).ThenBy(point => point.Value is double value && double.IsFinite(value) ? cost?.Invoke(value) ?? value : 0)
            .Select((point, i) => new RungEntry(point.Point, point.Value, i + 1, i < survivors && point.Value is double value && double.IsFinite(value)))]);

    /// <summary>"Stopped at update 200: 5th of 9."</summary>
    public string Stopped(RungEntry entry) => $"Stopped at update {Figures.Count(Updates)}: {Figures.Ordinal(entry.Rank)} of {Figures.Count(Entries.Count)}.";
}
