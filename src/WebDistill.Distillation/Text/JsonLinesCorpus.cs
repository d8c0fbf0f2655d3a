using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>One JSON object per line; <see cref="CorpusOptions.JsonField"/> of it is a document, kept as it is. Blank lines and blank texts
/// are skipped.</summary>
internal static class JsonLinesCorpus
{
    public static CorpusFormat Format { get; } = new(
        "json-lines", "One JSON object per line; one of its fields is the document.", [".jsonl", ".ndjson"],
        TextLinesCorpus.CompletePrefix, Split) { ReadsRecords = true };

    private static void Split(CorpusChunk chunk, CorpusOptions options, DocumentFound found)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        long number = chunk.FirstLine;
        var lines = new LineScanner(bytes);
        for (; lines.TryNext(out Line line); number++)
        {
            ReadOnlySpan<byte> content = bytes.Slice(line.Offset, line.Length);
            if (LineScanner.IsBlank(content))
                continue;
            string text = ReadField(content, options.JsonField, $"{chunk.FileName}, line {number}");
            if (!string.IsNullOrWhiteSpace(text))
                found(text, chunk.ByteOffset + line.Offset);
        }
    }

    private static string ReadField(ReadOnlySpan<byte> line, string field, string place)
    {
        string? text = null;
        try
        {
            var reader = new Utf8JsonReader(line);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new InvalidDataException($"{place}: the line is a JSON {reader.TokenType}; expected an object like {{\"{ForeignText.Quote(field)}\": "
                    + "\"...\"}}.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool wanted = text is null && reader.ValueTextEquals(field);
                reader.Read();
                if (wanted && reader.TokenType != JsonTokenType.String)
                    throw new InvalidDataException($"{place}: field '{ForeignText.Quote(field)}' is a JSON {reader.TokenType}; expected a text.");
                if (wanted)
                    text = ReadText(ref reader);
                else
                    reader.Skip();
            }
            reader.Read();   // throws when anything follows the object
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{place}: not valid JSON ({problem.Message}); expected one object per line.", problem);
        }
        return text ?? throw new InvalidDataException($"{place}: no field '{ForeignText.Quote(field)}'; expected it in every object. Name the field that "
            + "holds the text.");
    }

    private static string ReadText(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
            return Encoding.UTF8.GetString(reader.ValueSpan);
        // GetString refuses \ud800 without its partner, which web text contains.
        return JsonText.Unescape(Encoding.UTF8.GetString(reader.ValueSpan));
    }
}
