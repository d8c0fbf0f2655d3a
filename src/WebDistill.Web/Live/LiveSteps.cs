using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Live;

/// <summary>
/// Some steps of a run, column by column: <c>{ "status": "Running", "totalSteps": 500, "step": [1, 2], "columns": { "totalLoss": [4.1, 4.0], ... } }</c>
/// with one array per number of a step, all as long as <see cref="Step"/>; a step's missing number is null, and one that is not finite a text such as
/// "Infinity".
/// </summary>
public sealed record LiveSteps
{
    /// <summary>Where the run stood when the rows were read.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>How often the run was started; rows of an earlier attempt may be superseded.</summary>
    public required int Attempt { get; init; }

    /// <summary>Updates planned.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>The id of the latest alert of the run, 0 without one: who knows fewer reads them anew.</summary>
    public required long LastAlert { get; init; }

    /// <summary>What the columns are; null for a client that has rows, and so has been told.</summary>
    public required IReadOnlyList<StepSeries>? Series { get; init; }

    /// <summary>The numbers that the run has once, as far as they are measured.</summary>
    public required IReadOnlyDictionary<string, double> Once { get; init; }

    /// <summary>Update numbers, ascending.</summary>
    public required int[] Step { get; init; }

    /// <summary>The other columns: epoch, tokensSeen, totalLoss, and every series of a step by its name.</summary>
    public required IReadOnlyDictionary<string, double?[]> Columns { get; init; }

    /// <summary>The rows of <paramref name="steps"/>, which are in order.</summary>
    /// <param name="measured">What was measured after them, and once.</param>
    /// <param name="lastAlert">The id of the run's latest alert; 0 without one.</param>
    /// <param name="describes">Whether it says what the numbers are.</param>
    public static LiveSteps Of(Run run, RunSeries series, IReadOnlyList<StepRow> steps, IReadOnlyList<Measurement> measured, long lastAlert, bool describes)
    {
        var columns = new Dictionary<string, double?[]>
        {
            ["epoch"] = [.. steps.Select(row => (double?)row.Epoch)],
            ["tokensSeen"] = [.. steps.Select(row => (double?)row.TokensSeen)],
            [LoopSeries.TotalLoss.Name] = [.. steps.Select(row => (double?)row.TotalLoss)],
        };
        for (int i = 0; i < series.Packed.Count; i++)
            columns[series.Packed[i].Name] = [.. steps.Select(row => PackedNumbers.At(row.Values, i))];
        foreach (string name in series.Measured.Select(one => one.Name))
        {
            Dictionary<int, double> numbers = measured.Where(one => one.Name == name).ToDictionary(one => one.Step, one => one.Value);
            columns[name] = [.. steps.Select(row => numbers.TryGetValue(row.Step, out double value) ? value : (double?)null)];
        }
        return new LiveSteps
        {
            Status = run.Status, Attempt = run.Attempt, TotalSteps = run.TotalSteps, LastAlert = lastAlert, Series = describes ? series.All : null,
            Once = measured.Where(one => one.Step == 0).ToDictionary(one => one.Name, one => one.Value),
            Step = [.. steps.Select(row => row.Step)], Columns = columns,
        };
    }
}
