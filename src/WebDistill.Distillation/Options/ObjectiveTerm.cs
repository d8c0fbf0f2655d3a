using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>One term of what a run minimises. What may stand beside the weight, its loss says (<c>Loss.Parameters</c>): this floor knows no loss.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record ObjectiveTerm
{
    /// <summary>A term as JSON is read into it.</summary>
    [JsonConstructor]
    public ObjectiveTerm()
    {
    }

    /// <summary>A term with parameters that are not at their defaults.</summary>
    [SetsRequiredMembers]
    public ObjectiveTerm(double weight, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        Weight = weight;
        if (parameters.Length > 0)
            Parameters = parameters.ToArray().ToDictionary(one => one.Name, one => JsonSerializer.SerializeToElement(one.Value));
    }

    /// <summary>Its weight in the sum; 0 switches it off.</summary>
    public required double Weight { get; init; }

    /// <summary>Parameters of the loss, by their names in camelCase; a missing one has its default.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Parameters { get; init; }
}
