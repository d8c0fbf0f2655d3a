using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Training;

/// <summary>A report in a saved state, also as versions wrote it that kept every number as a property of its own.</summary>
internal sealed class UnreportedStep : JsonConverter<StepReport>
{
    private static readonly Dictionary<string, string> _names = new()
    {
        ["distillationCeNatsPerToken"] = "ce", ["causalLmNatsPerToken"] = "clm", ["logitsMse"] = "mse", ["cosineDistance"] = "cos",
    };

    public override StepReport? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonElement saved = JsonElement.ParseValue(ref reader);
        if (saved.ValueKind != JsonValueKind.Object || saved.TryGetProperty("values", out _))
            return saved.Deserialize<StepReport>(options);
        Dictionary<string, double> values = [];
        foreach (JsonProperty number in saved.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null))
            values[_names.GetValueOrDefault(number.Name, number.Name)] = number.Value.Deserialize<double>(options);
        return values.Remove("step", out double step) && values.Remove("epoch", out double epoch) && values.Remove("tokensSeen", out double tokens)
            && values.Remove("totalLoss", out double loss)
            ? new StepReport((int)step, epoch, (long)tokens, loss, values)
            : throw new JsonException($"A report has the numbers {string.Join(", ", values.Keys)}, expected also step, epoch, tokensSeen and totalLoss.");
    }

    public override void Write(Utf8JsonWriter writer, StepReport value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value, options);
}
