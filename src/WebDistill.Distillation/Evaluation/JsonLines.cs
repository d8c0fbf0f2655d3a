using System.Text.Json;

namespace WebDistill.Distillation.Evaluation;

/// <summary>An object of a file of JSON lines.</summary>
/// <param name="Number">Its line, from 1.</param>
/// <param name="Value">The object.</param>
internal readonly record struct JsonLine(int Number, JsonElement Value)
{
    /// <summary>A field's text.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public string Text(string field, string path) => Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(field, out JsonElement text)
        && text.ValueKind == JsonValueKind.String && text.GetString() is { Length: > 0 } found
        ? found
        : throw new InvalidDataException($"{path}, line {Number}: the field '{field}' holds no text, expected a string that is not empty.");
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
            number++;
            if (line.IsWhiteSpace())
                continue;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line.ToString());
                lines.Add(new JsonLine(number, document.RootElement.Clone()));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}, line {number}: no JSON object ({e.Message}), expected one per line.");
            }
        }
        return lines.Count > 0 ? lines
            : throw new InvalidDataException($"{path} has no line that is not blank, expected a JSON object per line.");
    }
}
