using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Reads the text of an evaluation whole, and refuses what is not text or does not fit into memory.</summary>
internal static class EvaluationText
{
    /// <summary>Bytes of memory for a byte of text: the bytes, UTF-16, a detokenised copy, and a token of 4 bytes for each byte at
    /// worst.</summary>
    private const int MemoryPerByte = 16;

    /// <summary>The largest file that is read on this machine, bytes.</summary>
    public static long MaxBytes => Math.Min(Array.MaxLength, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / MemoryPerByte);

    /// <summary>The bytes of a UTF-8 text file, without a byte-order mark.</summary>
    /// <param name="maxBytes">The largest size that is accepted.</param>
    /// <exception cref="InvalidDataException">The file is missing, empty, too large, or not UTF-8; the message says what to do.</exception>
    public static byte[] ReadBytes(string path, long maxBytes)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new InvalidDataException($"{file.Name} is missing, expected the text of the evaluation.");
        if (file.Length == 0)
            throw new InvalidDataException($"{file.Name} has 0 bytes, expected text. Put the whole file there.");
        if (file.Length > maxBytes)
            throw new InvalidDataException($"{file.Name} has {file.Length} bytes, expected at most {maxBytes}, which is what fits into memory "
                + "here with its tokens. Upload the text as a data set, which is read in pieces, and evaluate on that.");
        byte[] bytes = File.ReadAllBytes(path);
        if (Utf8Text.BeginsAsUtf16(bytes))
            throw new InvalidDataException($"{file.Name} begins with a UTF-16 byte-order mark, expected UTF-8. Save the file as UTF-8.");
        if (bytes.AsSpan().StartsWith(Utf8Text.Mark))
            bytes = bytes[Utf8Text.Mark.Length..];
        if (Utf8Text.FirstInvalid(bytes) is int position)
            throw new InvalidDataException($"{file.Name}: byte {position} does not continue valid UTF-8, expected UTF-8 text. "
                + "Convert the file to UTF-8.");
        return bytes;
    }

    /// <summary>The text of a UTF-8 file.</summary>
    /// <inheritdoc cref="ReadBytes"/>
    public static string Read(string path) => Encoding.UTF8.GetString(ReadBytes(path, MaxBytes));

    /// <summary>Pieces between white space.</summary>
    public static long CountWords(ReadOnlySpan<char> text)
    {
        long words = 0;
        bool inside = false;
        foreach (char character in text)
        {
            bool isSpace = char.IsWhiteSpace(character);
            if (!isSpace && !inside)
                words++;
            inside = !isSpace;
        }
        return words;
    }
}
