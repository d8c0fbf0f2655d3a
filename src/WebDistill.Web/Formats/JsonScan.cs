using System.Text.Json;
using System.Text.Unicode;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Formats;

/// <summary>
/// Walks through a JSON text once, before anything is built of it: its depth and its count of properties are within the limits, and every
/// text in it is text. What is no JSON at all is left to the parser, which says where.
/// </summary>
internal static class JsonScan
{
    /// <summary>Checks a text as it was sent or saved.</summary>
    /// <returns>It without the byte-order mark that some programs put first, which is no part of JSON.</returns>
    /// <exception cref="OptionsInvalidException">A limit is passed, bytes are not UTF-8, or a text holds half of a surrogate pair.</exception>
    public static ReadOnlyMemory<byte> Check(ReadOnlyMemory<byte> sent, InputLimits limits)
    {
        ReadOnlyMemory<byte> json = Utf8Text.WithoutMark(sent);
        Check(json.Span, limits);
        return json;
    }

    private static void Check(ReadOnlySpan<byte> json, InputLimits limits)
    {
        if (!Utf8.IsValid(json))
            throw new OptionsInvalidException("$", "The body is not valid UTF-8, expected JSON in UTF-8. A program cut it in the middle of a "
                + "character, or wrote it in another encoding.");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = limits.JsonDepth + 1 });
        string field = "$";
        int properties = 0;
        while (Read(ref reader))
        {
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= limits.JsonDepth)
                throw new OptionsInvalidException(field, $"The body nests objects and lists more than {limits.JsonDepth} deep, which is the "
                    + $"limit ({nameof(InputLimits.JsonDepth)}).");
            if (reader.TokenType == JsonTokenType.PropertyName && ++properties > limits.JsonProperties)
                throw new OptionsInvalidException("$", $"The body has more than {limits.JsonProperties} properties, which is the limit "
                    + $"({nameof(InputLimits.JsonProperties)}).");
            if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.String))
                continue;
            bool names = reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1;
            if (!reader.ValueIsEscaped)
                field = names ? reader.GetString()! : field;
            else if (Unescaped(ref reader) is string text)
                field = names ? text : field;
            else
                throw new OptionsInvalidException(names ? "$" : field, $"The text at byte {reader.TokenStartIndex} holds half of a surrogate "
                    + "pair (\\ud800 to \\udfff without its partner), which is no character. A program cut it in the middle of an emoji or "
                    + "another such character: cut it before or after.");
        }
    }

    private static bool Read(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.Read();
        }
        catch (JsonException)
        {
            return false; // The parser refuses it with a better message.
        }
    }

    private static string? Unescaped(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
