using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>An object of a file of JSON lines.</summary>
/// <param name="Place">File and line, for messages.</param>
/// <param name="Value">The object.</param>
internal readonly record struct JsonLine(string Place, JsonElement Value)
{
    /// <summary>A field's text; half of a surrogate pair in it is U+FFFD, as in data sets.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public string Text(string field) => Field(field) is { ValueKind: JsonValueKind.String } text && Text(text) is { Length: > 0 } found
        ? found
        : throw new InvalidDataException($"{Place}: the field '{field}' holds no text, expected a string that is not empty.");

    /// <summary>A field's texts.</summary>
    /// <exception cref="InvalidDataException">It is no list of at least one; the message ends with <paramref name="fix"/>.</exception>
    public IReadOnlyList<string> Texts(string field, string fix) =>
        Field(field) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0
        && list.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
        ? [.. list.EnumerateArray().Select(Text)]
        : throw new InvalidDataException($"{Place}: the field '{field}' holds no sentences, expected a list of {fix}");

    private JsonElement? Field(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object)
            return null;
        try
        {
            return Value.TryGetProperty(name, out JsonElement found) ? found : null;
        }
        catch (InvalidOperationException problem)   // another field's name holds a lone surrogate
        {
            throw new InvalidDataException($"{Place}: a field's name is not valid text ({problem.Message}).", problem);
        }
    }

    // Through bytes: that makes U+FFFD of a lone surrogate, which no figure's JSON could hold.
    private static string Text(JsonElement text) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(JsonText.Unescape(text.GetRawText().AsSpan()[1..^1])));
}

/// <summary>Reads files with a JSON object per line.</summary>
internal static class JsonLines
{
    /// <summary>Every object of the file; blank lines are passed over.</summary>
    /// <exception cref="InvalidDataException">The file is no text, a line is no JSON, or there is no line at all.</exception>
    public static IReadOnlyList<JsonLine> Read(string path)
    {
        List<JsonLine> lines = [];
        int number = 0;
        foreach (ReadOnlySpan<char> line in EvaluationText.Read(path).AsSpan().EnumerateLines())
        {
            string place = $"{Path.GetFileName(path)}, line {++number}";
            if (line.IsWhiteSpace())
                continue;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line.ToString());
                lines.Add(new JsonLine(place, document.RootElement.Clone()));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{place}: no JSON object ({e.Message}), expected one per line.");
            }
        }
        return lines.Count > 0 ? lines
            : throw new InvalidDataException($"{Path.GetFileName(path)} has no line that is not blank, expected a JSON object per line.");
    }
}
