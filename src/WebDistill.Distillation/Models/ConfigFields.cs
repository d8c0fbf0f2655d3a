using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models;

/// <summary>The fields of a <c>config.json</c>, whose problems name the field, its value and what was expected. A field that is null is not there.</summary>
internal readonly struct ConfigFields(JsonElement root)
{
    /// <summary>A whole number that must be there.</summary>
    public int RequiredInteger(string name) =>
        Integer(name) ?? throw new InvalidDataException($"config.json has no '{name}'. It is needed to build the model.");

    /// <summary>A whole number.</summary>
    public int? Integer(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw Mistyped(name, value, "a whole number");
    }

    /// <summary>A number.</summary>
    public double? Number(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Mistyped(name, value, "a number");
    }

    /// <summary>A text.</summary>
    public string? Text(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.String)
            throw Mistyped(name, value, "a text");
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)   // a lone surrogate
        {
            throw Mistyped(name, value, "a text of whole characters");
        }
    }

    /// <summary>Refuses a switch that asks for what is not supported.</summary>
    public void RequireSwitch(string name, bool required)
    {
        if (!TryGet(name, out JsonElement value))
            return;
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw Mistyped(name, value, "true or false");
        if (value.GetBoolean() != required)
            throw new InvalidDataException(
                $"config.json: {name} is {value.GetRawText()}, only {(required ? "true" : "false")} is supported.");
    }

    private bool TryGet(string name, out JsonElement value) =>
        root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static InvalidDataException Mistyped(string name, JsonElement value, string expected) =>
        new($"config.json: '{name}' is {ForeignText.Quote(value.GetRawText())}, expected {expected}.");
}
