using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Live;

/// <summary>
/// The series of one run: which numbers its updates have, and where each is stored. The total loss has a column of its own, the others of every
/// update are packed into <see cref="StepNumbers.Values"/> in the order of this list, and what few updates have is a <see cref="Measurement"/>.
/// </summary>
public sealed class RunSeries
{
    private readonly Dictionary<string, StepSeries> _byName;

    private RunSeries(IReadOnlyList<StepSeries> all)
    {
        All = all;
        Packed = [.. all.Where(series => series.Cadence == SeriesCadence.EveryStep && series.Name != LoopSeries.TotalLoss.Name)];
        _byName = all.ToDictionary(series => series.Name);
    }

    /// <summary>Every series, in the order in which they are shown.</summary>
    public IReadOnlyList<StepSeries> All { get; }

    /// <summary>Those whose numbers are packed into a row, in that order.</summary>
    public IReadOnlyList<StepSeries> Packed { get; }

    /// <summary>Those that some updates have a number of.</summary>
    public IEnumerable<StepSeries> Measured => All.Where(series => series.Cadence == SeriesCadence.Measured);

    /// <summary>A run with its series, by one query; null where there is no run with that id.</summary>
    public static async Task<(Run Run, RunSeries Series)?> FindAsync(WebDistillDb db, Guid id, CancellationToken cancel)
    {
        var found = await db.Runs.AsNoTracking().Where(run => run.Id == id)
            .Select(run => new { Run = run, Stored = db.Series.Where(series => series.RunId == run.Id).Select(series => series.Json).FirstOrDefault() })
            .SingleOrDefaultAsync(cancel);
        return found is null ? null : (found.Run, Of(found.Run, found.Stored));
    }

    /// <summary>The series of a run: those stored with it, or of one that has not begun those that its options promise.</summary>
    /// <param name="stored">What is stored; null for a run that has not begun.</param>
    public static RunSeries Of(Run run, string? stored) => new(stored is not null
        ? JsonSerializer.Deserialize<StepSeries[]>(stored, WebJson.Measured)!
        : LoopSeries.Of(StoredOptions.Of(run), run.Kind == RunKind.Distillation));

    /// <summary>What an attempt at a run stores with it: what is stored keeps its place, because the rows depend on it, and what is new follows.</summary>
    public static string Begin(string? stored, IReadOnlyList<StepSeries> reported)
    {
        StepSeries[] kept = stored is null ? [] : JsonSerializer.Deserialize<StepSeries[]>(stored, WebJson.Measured)!;
        return JsonSerializer.Serialize(kept.Select(series => reported.FirstOrDefault(other => other.Name == series.Name) ?? series)
            .Concat(reported.Where(series => kept.All(other => other.Name != series.Name))), WebJson.Measured);
    }

    /// <summary>The series of some runs together, each once; of more than one run without a weight, in which they can differ.</summary>
    public static async Task<IReadOnlyList<StepSeries>> ReadAllAsync(WebDistillDb db, IReadOnlyList<Run> runs, CancellationToken cancel)
    {
        Guid[] ids = [.. runs.Select(run => run.Id)];
        Dictionary<Guid, string> stored = await db.Series.Where(series => ids.Contains(series.RunId))
            .ToDictionaryAsync(series => series.RunId, series => series.Json, cancel);
        return [.. runs.SelectMany(run => Of(run, stored.GetValueOrDefault(run.Id)).All).DistinctBy(series => series.Name)
            .Select(series => runs.Count > 1 ? series with { Weight = null } : series)];
    }

    /// <summary>The row of a report.</summary>
    /// <exception cref="InvalidOperationException">It has a number that is none of the run's series.</exception>
    public StepRow Row(StepReport report, Guid runId, int attempt)
    {
        if (report.Values.Keys.FirstOrDefault(name => !_byName.ContainsKey(name)) is string unknown)
            throw new InvalidOperationException($"The report of update {report.Step} has a number '{unknown}', expected the run's series: "
                + $"{string.Join(", ", _byName.Keys)}. Add it to what the loop says that it reports.");
        return new StepRow
        {
            RunId = runId, Step = report.Step, Attempt = attempt, Epoch = report.Epoch, TokensSeen = report.TokensSeen, TotalLoss = report.TotalLoss,
            Values = PackedNumbers.Pack([.. Packed.Select(series => report[series.Name])]),
        };
    }

    /// <summary>What a report has that few updates have.</summary>
    public IEnumerable<Measurement> Measurements(StepReport report, Guid runId, int attempt) =>
        from series in Measured
        where report.Values.ContainsKey(series.Name)
        select new Measurement { RunId = runId, Name = series.Name, Step = report.Step, Attempt = attempt, Value = report.Values[series.Name] };

    /// <summary>The report of a row and of what was measured after its update.</summary>
    public StepReport Report(StepRow row, IEnumerable<Measurement> measured)
    {
        Dictionary<string, double> values = [];
        for (int i = 0; i < Packed.Count; i++)
        {
            if (PackedNumbers.At(row.Values, i) is double value)
                values[Packed[i].Name] = value;
        }
        foreach (Measurement measurement in measured)
            values[measurement.Name] = measurement.Value;
        // An early version recorded the exponential alone.
        foreach (StepSeries series in Measured.Where(series => series.ExponentialOf is not null))
        {
            if (values.TryGetValue(series.Name, out double value))
                values.TryAdd(series.ExponentialOf!, Math.Log(value));
        }
        return new StepReport(row.Step, row.Epoch, row.TokensSeen, row.TotalLoss, values);
    }
}
