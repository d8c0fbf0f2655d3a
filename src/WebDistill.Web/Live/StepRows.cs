using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Web.Components.Controls;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Live;

/// <summary>
/// Some steps of a run, column by column: <c>{ "status": "Running", "totalSteps": 500, "step": [1, 2], "totalLoss": [4.1, 4.0], ... }</c>
/// with one array per <see cref="StepColumn"/>, all as long as <see cref="Step"/>; a step's missing number is null,
/// and one that is not finite a text such as "Infinity".
/// </summary>
public sealed record StepRows
{
    /// <summary>Where the run stood when the rows were read.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>How often the run was started; rows of an earlier attempt may be superseded.</summary>
    public required int Attempt { get; init; }

    /// <summary>Updates planned.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>The teacher's perplexity on the held-out split, once measured.</summary>
    public required double? TeacherPerplexity { get; init; }

    /// <summary>The mean loss that it is the exponential of, nats per token.</summary>
    public required double? TeacherNatsPerToken { get; init; }

    /// <summary>Update numbers, ascending.</summary>
    public required int[] Step { get; init; }

    /// <summary>The other columns, written as properties beside <see cref="Step"/>; each value is a double?[].</summary>
    [JsonExtensionData]
    public Dictionary<string, object> Columns { get; init; } = [];

    /// <summary>The rows of <paramref name="metrics"/>, which are in order.</summary>
    public static StepRows Of(Run run, IReadOnlyList<StepMetric> metrics) => new()
    {
        Status = run.Status,
        Attempt = run.Attempt,
        TotalSteps = run.TotalSteps,
        TeacherPerplexity = run.TeacherPerplexity,
        TeacherNatsPerToken = run.Teacher()?.NatsPerToken,
        Step = [.. metrics.Select(m => m.Step)],
        Columns = StepColumn.All.ToDictionary(column => column.Name, column => (object)metrics.Select(column.Value).ToArray()),
    };
}
