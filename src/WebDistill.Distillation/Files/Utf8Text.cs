using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace WebDistill.Distillation.Files;

/// <summary>What tells UTF-8 text from something else.</summary>
public static class Utf8Text
{
    /// <summary>The byte-order mark, which is no part of the text.</summary>
    public static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>The text after the byte-order mark, if one stands first.</summary>
    public static ReadOnlyMemory<byte> WithoutMark(ReadOnlyMemory<byte> text) => text.Span.StartsWith(Mark) ? text[Mark.Length..] : text;

    /// <summary>Whether the bytes begin with UTF-16's byte-order mark, of either order.</summary>
    public static bool BeginsAsUtf16(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]);

    /// <summary>Where the first character begins that is not valid UTF-8; null when all are.</summary>
    public static int? FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
            return null;
        int position = 0;
        while (Rune.DecodeFromUtf8(bytes[position..], out _, out int width) == OperationStatus.Done)
            position += width;
        return position;
    }
}
