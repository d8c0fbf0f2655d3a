using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>One JSON object per line, whose fields are the columns; blank lines are passed over. A class is a text, a whole number, true or false.</summary>
internal static class JsonLinesExamples
{
    /// <inheritdoc cref="LabelledReader.Read"/>
    public static IEnumerable<LabelledExample> Read(TextReader text, string path, LabelledOptions options)
    {
        long number = 0;
        while (text.ReadLine() is string line)
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return Parse(line, options, LabelledText.Place(path, number), number);
        }
    }

    /// <inheritdoc cref="RowsOf"/>
    public static IEnumerable<LabelledRow> ReadRows(TextReader text, string path)
    {
        long number = 0;
        while (text.ReadLine() is string line)
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return Columns(line, LabelledText.Place(path, number));
        }
    }

    private static LabelledRow Columns(string line, string place)
    {
        using JsonDocument document = ParseObject(line, place, () => "{\"text\": \"...\", \"label\": \"...\"}");
        JsonProperty[] fields = [.. document.RootElement.EnumerateObject()];
        try
        {
            return new LabelledRow([.. fields.Select(field => field.Name)],
                [.. fields.Select(field => field.Value.ValueKind == JsonValueKind.String ? Unescaped(field.Value) : field.Value.GetRawText())]);
        }
        catch (InvalidOperationException problem)
        {
            throw BadName(place, problem);
        }
    }

    private static LabelledExample Parse(string line, LabelledOptions options, string place, long number)
    {
        try
        {
            using JsonDocument document = ParseObject(line, place,
                () => $"{{\"{ForeignText.Quote(options.TextColumn)}\": \"...\", \"{ForeignText.Quote(options.LabelColumn)}\": \"...\"}}");
            JsonElement root = document.RootElement;
            return new LabelledExample(Text(Field(root, options.TextColumn, "text", place), options.TextColumn, place),
                options.SecondColumn is string second ? Text(Field(root, second, "second text", place), second, place) : null,
                Label(Field(root, options.LabelColumn, "class", place), options.LabelColumn, place), number);
        }
        catch (InvalidOperationException problem)   // a field's name holds half a character
        {
            throw BadName(place, problem);
        }
    }

    private static InvalidDataException BadName(string place, InvalidOperationException problem) =>
        new($"{place}: a field's name is not valid text ({problem.Message}); expected whole characters. Correct the line.", problem);

    /// <param name="example">What an object would look like.</param>
    private static JsonDocument ParseObject(string line, string place, Func<string> example)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind is not JsonValueKind.Object and JsonValueKind other)
            {
                document.Dispose();
                throw new InvalidDataException($"{place}: the line is a JSON {other}; expected an object like {example()}.");
            }
            return document;
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{place}: not valid JSON ({problem.Message}); expected one object per line.", problem);
        }
    }

    private static JsonElement Field(JsonElement root, string name, string role, string place) => root.TryGetProperty(name, out JsonElement found) ? found
        : throw new InvalidDataException($"{place}: no field '{ForeignText.Quote(name)}' for the {role}; expected one of "
            + $"{string.Join(", ", root.EnumerateObject().Take(20).Select(field => $"'{ForeignText.Quote(field.Name)}'"))}. Choose the field that holds it, or add it to the line.");

    private static string Text(JsonElement value, string name, string place)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw new InvalidDataException($"{place}: field '{ForeignText.Quote(name)}' is a JSON {value.ValueKind}; expected a text.");
        string text = Unescaped(value);
        return text.Length <= LabelledText.MostCharacters ? text
            : throw new InvalidDataException($"{place}: field '{ForeignText.Quote(name)}' has {text.Length} characters; expected at most {LabelledText.MostCharacters}. Cut the text.");
    }

    private static string Label(JsonElement value, string name, string place) => value.ValueKind switch
    {
        JsonValueKind.String => Unescaped(value),
        JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        JsonValueKind.Number when value.TryGetInt64(out _) => value.GetRawText(),
        _ => throw new InvalidDataException($"{place}: field '{ForeignText.Quote(name)}' is {ForeignText.Quote(value.GetRawText())}; expected a class: a text, a whole number, true or false."),
    };

    // Through bytes, which make U+FFFD of half a character, as in corpora.
    private static string Unescaped(JsonElement text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(JsonText.Unescape(text.GetRawText().AsSpan()[1..^1])));
}
