using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
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
    /// <param name="example">One, for those who wrote something else than an object.</param>
    /// <exception cref="OptionsInvalidException">Not JSON, not an object, or a required property is missing.</exception>
    public static (T Value, IReadOnlyList<OptionProblem> Problems) Read<T>(ReadOnlyMemory<byte> body, string? example = null)
    {
        using JsonDocument document = Parse<T>(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new OptionsInvalidException("$", $"The text is a JSON {document.RootElement.ValueKind}, expected an object{(example is null ? "" : $" such as {example}")}.");

        IReadOnlyList<OptionProblem> ofPaper = [], twice = [];
        JsonElement root = typeof(T) == typeof(RunOptions) ? FlatOptions.Grouped(PaperOptions.Translated(document.RootElement, out ofPaper), out twice) : document.RootElement;
        List<OptionProblem> problems = [.. ofPaper, .. twice];
        bool isComplete = true;
        JsonObject readable = ReadObject(root, [.. WebJson.Options.GetTypeInfo(typeof(T)).Properties], "", problems, ref isComplete);
        return isComplete ? (readable.Deserialize<T>(WebJson.Options)!, problems) : throw new OptionsInvalidException(problems);
    }

    /// <param name="path">Of the object, with a point at its end; empty for the whole body.</param>
    /// <param name="isComplete">Becomes false where a required property is missing.</param>
    private static JsonObject ReadObject(JsonElement json, JsonPropertyInfo[] properties, string path, List<OptionProblem> problems, ref bool isComplete)
    {
        var readable = new JsonObject();
        bool listsKnown = false;
        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (properties.FirstOrDefault(known => known.Name == property.Name) is not JsonPropertyInfo known)
            {
                string name = ForeignText.Quote(property.Name);
                // Said once: it is the same for all.
                problems.Add(new OptionProblem(path + name, listsKnown ? $"'{name}' is unknown."
                    : $"'{name}' is unknown. Known are: {string.Join(", ", properties.Select(p => p.Name))}."));
                listsKnown = true;
            }
            else if (readable.ContainsKey(property.Name))
            {
                problems.Add(new OptionProblem(path + known.Name, $"'{known.Name}' is given twice."));
            }
            else if (property.Value.ValueKind == JsonValueKind.Object && known.PropertyType == typeof(IReadOnlyDictionary<string, ObjectiveTerm>))
            {
                if (ReadTerms(property.Value, $"{path}{known.Name}.", problems) is JsonObject terms)
                    readable.Add(property.Name, terms);
            }
            else if (property.Value.ValueKind == JsonValueKind.Object
                && WebJson.Options.GetTypeInfo(known.PropertyType) is { Kind: JsonTypeInfoKind.Object } group)
            {
                readable.Add(property.Name, ReadObject(property.Value, [.. group.Properties], $"{path}{known.Name}.", problems, ref isComplete));
            }
            else if (Problem(property.Value, known) is string problem)
            {
                problems.Add(new OptionProblem(path + property.Name, problem));
            }
            else
            {
                readable.Add(property.Name, JsonNode.Parse(property.Value.GetRawText()));
            }
        }
        foreach (JsonPropertyInfo missing in properties.Where(p => p.IsRequired && !readable.ContainsKey(p.Name)))
        {
            isComplete = false;
            if (problems.All(problem => problem.Field != path + missing.Name))
                problems.Add(new OptionProblem(path + missing.Name, $"'{missing.Name}' is missing. Give it a value."));
        }
        return readable;
    }

    // The terms of an objective: what may stand in one, the loss of its name says. Null where one cannot be read: what the others sum up to means nothing.
    private static JsonObject? ReadTerms(JsonElement json, string path, List<OptionProblem> problems)
    {
        int before = problems.Count;
        bool isComplete = true;
        var readable = new JsonObject();
        foreach (JsonProperty term in json.EnumerateObject())
        {
            string name = ForeignText.Quote(term.Name);
            if (LossCatalogue.All.FirstOrDefault(known => known.Name == term.Name) is not Loss loss)
                problems.Add(new OptionProblem(path + name, $"'{name}' is unknown. Known are: {string.Join(", ", LossCatalogue.All.Select(known => known.Name))}."));
            else if (readable.ContainsKey(term.Name))
                problems.Add(new OptionProblem(path + name, $"'{name}' is given twice."));
            else if (term.Value.ValueKind != JsonValueKind.Object)
                problems.Add(new OptionProblem(path + name, $"The value is {Shortened(term.Value.GetRawText())}, expected an object such as {{\"weight\": 1}}."));
            else
                readable.Add(term.Name, ReadObject(term.Value, OfTerm(loss), $"{path}{term.Name}.", problems, ref isComplete));
        }
        return problems.Count == before ? readable : null;
    }

    private static JsonPropertyInfo[] OfTerm(Loss loss) =>
    [
        .. WebJson.Options.GetTypeInfo(typeof(ObjectiveTerm)).Properties.Where(property => !property.IsExtensionData),
        .. loss.Parameters is object parameters ? WebJson.Options.GetTypeInfo(parameters.GetType()).Properties : [],
    ];

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
        if (WebJson.Options.GetTypeInfo(inner).Kind is JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary)
            return "an object";
        return inner.IsAssignableTo(typeof(IEnumerable<JsonElement>)) ? "a list" : "another type";
    }

    private static string Shortened(string text) =>
        ForeignText.Quote(text.Length <= MaxShownCharacters ? text : $"{text.AsSpan(0, MaxShownCharacters)}…");

    // JsonDocument says where the text stops being JSON, the reader in which property: NaN is the common case.
    private static JsonDocument Parse<T>(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException malformed)
        {
            string field = Field(body.Span);
            throw new OptionsInvalidException(typeof(T) == typeof(RunOptions) ? FlatOptions.PathOf(field) : field, $"The text is not valid JSON: {malformed.Message} Numbers are written as "
                + "0.5; NaN, Infinity and comments do not exist.");
        }
    }

    // The property at which the text stops being JSON.
    private static string Field(ReadOnlySpan<byte> body)
    {
        List<(int Depth, string Name)> names = [];
        var reader = new Utf8JsonReader(body);
        try
        {
            while (reader.Read())
            {
                int depth = reader.CurrentDepth;
                // Whatever ends leaves the property that it was the value of.
                if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                    names.RemoveAll(name => name.Depth >= depth);
                if (reader.TokenType == JsonTokenType.PropertyName)
                    names.Add((depth, reader.GetString()!));
            }
        }
        catch (JsonException)
        {
            // Here it stops.
        }
        return names.Count == 0 ? "$" : ForeignText.Quote(string.Join('.', names.Select(name => name.Name)));
    }
}
