using System.Globalization;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models;

/// <summary>The fields of a <c>config.json</c>, whose problems name the field, its value and what was expected. A field that is null is not there.</summary>
/// <param name="tensorNames">Reads what the weights beside it are called; nothing where there are none.</param>
internal readonly struct ConfigFields(JsonElement root, Func<IReadOnlyList<string>> tensorNames)
{
    /// <summary>What the weights beside the file are called; empty where there are none.</summary>
    public IReadOnlyList<string> TensorNames() => tensorNames();

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
        return value.ValueKind == JsonValueKind.String ? Whole(name, value, () => value.GetString()!) : throw Mistyped(name, value, "a text");
    }

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(entry => entry.ValueKind == JsonValueKind.String)
            ? Whole<IReadOnlyList<string>>(name, value, () => [.. value.EnumerateArray().Select(entry => entry.GetString()!)])
            : throw Mistyped(name, value, "a list of texts");
    }

    /// <summary>Texts by their numbers from 0 on, as in {"0": "negative", "1": "positive"}.</summary>
    public IReadOnlyList<string>? NumberedTexts(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        const string expected = "a text for each number from 0 on, as in {\"0\": \"no\", \"1\": \"yes\"}";
        if (value.ValueKind != JsonValueKind.Object || value.EnumerateObject().Any(entry => entry.Value.ValueKind != JsonValueKind.String))
            throw Mistyped(name, value, expected);
        ILookup<string, string> texts = Whole(name, value, () => value.EnumerateObject().ToLookup(entry => entry.Name, entry => entry.Value.GetString()!));
        string[] ordered = [.. Enumerable.Range(0, texts.Count).SelectMany(number => texts[number.ToString(CultureInfo.InvariantCulture)].Take(1))];
        return ordered.Length == texts.Count && ordered.Length > 0 ? ordered : throw Mistyped(name, value, expected);
    }

    /// <summary>A switch.</summary>
    public bool? Switch(string name)
    {
        if (!TryGet(name, out JsonElement value))
            return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Mistyped(name, value, "true or false");
    }

    /// <summary>Refuses a switch that asks for what is not supported.</summary>
    public void RequireSwitch(string name, bool required)
    {
        if (Switch(name) is bool value && value != required)
            throw new InvalidDataException(
                $"config.json: {name} is {(value ? "true" : "false")}, only {(required ? "true" : "false")} is supported.");
    }

    private bool TryGet(string name, out JsonElement value) =>
        root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static T Whole<T>(string name, JsonElement value, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)   // a lone surrogate
        {
            throw Mistyped(name, value, "whole characters");
        }
    }

    private static InvalidDataException Mistyped(string name, JsonElement value, string expected) =>
        new($"config.json: '{name}' is {ForeignText.Quote(value.GetRawText())}, expected {expected}.");
}
