using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Data;

namespace WebDistill.Web.Live;

/// <summary>
/// One message of the live wire, written out: everybody who watches a run live gets the same rows, and fifty watchers cost one serialisation.
/// </summary>
/// <param name="Json">A <see cref="LiveSteps"/>.</param>
/// <param name="Status">Where the run stood.</param>
/// <param name="Attempt">The attempt that the rows belong to.</param>
/// <param name="IsFinal">Whether the run had ended: no row can follow then.</param>
/// <param name="Rows">How many rows there are.</param>
/// <param name="LastStep">The update of the last one; 0 without any.</param>
/// <param name="LastAlert">The id of the run's latest alert; 0 without one.</param>
[JsonConverter(typeof(Converter))]
public sealed record StepMessage(byte[] Json, RunStatus Status, int Attempt, bool IsFinal, int Rows, int LastStep, long LastAlert)
{
    /// <summary>The message of some rows, which are in order.</summary>
    /// <param name="measured">What was measured after them, and once.</param>
    /// <param name="lastAlert">The id of the run's latest alert; 0 without one.</param>
    /// <param name="describes">Whether it says what the numbers are.</param>
    public static StepMessage Of(
        Run run, RunSeries series, IReadOnlyList<StepRow> steps, IReadOnlyList<Measurement> measured, long lastAlert, bool describes,
        JsonSerializerOptions json) => new(
        JsonSerializer.SerializeToUtf8Bytes(LiveSteps.Of(run, series, steps, measured, lastAlert, describes), json), run.Status, run.Attempt, run.IsFinal, steps.Count,
        steps.Count > 0 ? steps[^1].Step : 0, lastAlert);

    private sealed class Converter : JsonConverter<StepMessage>
    {
        public override void Write(Utf8JsonWriter writer, StepMessage value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value.Json, skipInputValidation: true);

        public override StepMessage Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("The server writes these messages and reads none.");
    }
}
