using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Formats;

/// <summary>
/// Reads a request's JSON object property by property, so that an answer can name every property that is unknown or has the wrong type;
/// a deserialiser would stop at the first.
/// </summary>
internal static class JsonBody
{
    private const int MaxShownCharacters = 60;

    /// <summary>A JSON object as <typeparamref name="T"/> without the properties that cannot be read, and the problems of those.</summary>
    /// <exception cref="OptionsInvalidException">Not JSON, not an object, or a required property is missing.</exception>
    public static (T Value, IReadOnlyList<OptionProblem> Problems) Read<T>(ReadOnlyMemory<byte> body)
    {
        using JsonDocument document = Parse<T>(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new OptionsInvalidException("$", $"The text is a JSON {document.RootElement.ValueKind}, expected an object.");

        JsonTypeInfo type = WebJson.Options.GetTypeInfo(typeof(T));
        var readable = new JsonObject();
        List<OptionProblem> problems = [];
        bool listsKnown = false;
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            if (type.Properties.FirstOrDefault(known => known.Name == property.Name) is not JsonPropertyInfo known)
            {
                string name = ForeignText.Quote(property.Name);
                // Said once: it is the same for all.
                problems.Add(new OptionProblem(name, listsKnown ? $"'{name}' is unknown."
                    : $"'{name}' is unknown. Known are: {string.Join(", ", type.Properties.Select(p => p.Name))}."));
                listsKnown = true;
            }
            else if (readable.ContainsKey(property.Name))
            {
                problems.Add(new OptionProblem(known.Name, $"'{known.Name}' is given twice."));
            }
            else if (Problem(property.Value, known) is string problem)
            {
                problems.Add(new OptionProblem(property.Name, problem));
            }
            else
            {
                readable.Add(property.Name, JsonNode.Parse(property.Value.GetRawText()));
            }
        }
        foreach (JsonPropertyInfo missing in type.Properties.Where(p => p.IsRequired && !readable.ContainsKey(p.Name)
            && problems.All(q => q.Field != p.Name)))
            problems.Add(new OptionProblem(missing.Name, $"'{missing.Name}' is missing. Give it a value."));
        if (problems.Count > 0 && type.Properties.Any(p => p.IsRequired && !readable.ContainsKey(p.Name)))
            throw new OptionsInvalidException(problems);
        return (readable.Deserialize<T>(WebJson.Options)!, problems);
    }

    private static string? Problem(JsonElement value, JsonPropertyInfo property)
    {
        bool isNullable = !property.PropertyType.IsValueType
            ? property.IsSetNullable
            : Nullable.GetUnderlyingType(property.PropertyType) is not null;
        if (value.ValueKind == JsonValueKind.Null && !isNullable)
            return "The value is null. Give it a value, or leave it out for the default.";
        try
        {
            value.Deserialize(property.PropertyType, WebJson.Options);
            return null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return $"The value is {Shortened(value.GetRawText())}, expected {Expected(property.PropertyType)}.";
        }
    }

    private static string Expected(Type type)
    {
        Type inner = Nullable.GetUnderlyingType(type) ?? type;
        if (inner.IsEnum)
            return $"one of: {string.Join(", ", Enum.GetNames(inner).Select(name => $"\"{name}\""))}";
        if (inner == typeof(int) || inner == typeof(long))
            return "a whole number";
        if (inner == typeof(double))
            return "a number";
        if (inner == typeof(bool))
            return "true or false";
        if (inner == typeof(string))
            return "a text";
        if (inner == typeof(Guid))
            return "an id such as \"0192f3a4-0000-7000-8000-000000000000\"";
        if (inner.IsAssignableTo(typeof(IEnumerable<string>)))
            return "a list of texts";
        if (inner.IsAssignableTo(typeof(IEnumerable<int>)))
            return "a list of whole numbers";
        return inner.IsAssignableTo(typeof(IEnumerable<JsonElement>)) ? "a list" : "another type";
    }

    private static string Shortened(string text) =>
        ForeignText.Quote(text.Length <= MaxShownCharacters ? text : $"{text.AsSpan(0, MaxShownCharacters)}…");

    // JsonDocument says where the text stops being JSON, the deserialiser in which property: NaN is the common case.
    private static JsonDocument Parse<T>(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException malformed)
        {
            throw new OptionsInvalidException(Field<T>(body), $"The text is not valid JSON: {malformed.Message} Numbers are written as "
                + "0.5; NaN, Infinity and comments do not exist.");
        }
    }

    private static string Field<T>(ReadOnlyMemory<byte> body)
    {
        try
        {
            JsonSerializer.Deserialize<T>(body.Span, WebJson.Options);
            return "$";
        }
        catch (JsonException e)
        {
            return e.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : "$";
        }
    }
}
