using System.Globalization;
using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Opens a file of labelled examples as text, once all of it is known to be some.</summary>
internal static class LabelledText
{
    /// <summary>Longest text of an example, characters: far above any sentence, so that a quotation mark that is never closed is told from a text.</summary>
    public const int MostCharacters = 1 << 20;

    /// <summary>The file's text, behind its byte-order mark.</summary>
    /// <exception cref="InvalidDataException">The file is missing, empty, or not UTF-8; says where, what was expected and the fix.</exception>
    public static StreamReader Open(string path)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected a file of labelled examples. Choose it again.");
        using (var reader = new CorpusChunkReader(path, TextLinesCorpus.Format))
        {
            while (reader.Next() is { } chunk)
                RequireText(chunk);
        }
        // What it detects is the byte-order mark of UTF-8 alone: the other ones have been refused.
        return new StreamReader(path, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, new FileStreamOptions { Options = FileOptions.SequentialScan });
    }

    /// <summary>File and line as a message begins.</summary>
    public static string Place(string path, long line) => string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(path)}, line {line}");

    /// <summary>Refuses bytes that are not UTF-8 text.</summary>
    public static void RequireText(CorpusChunk chunk)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        if (bytes.IndexOf((byte)0) is >= 0 and int nul)
            throw new InvalidDataException($"{Line(bytes, nul)}: a byte is 0; expected UTF-8 text without NUL. The file is binary, or UTF-16 without a byte-order mark: save it as UTF-8.");
        if (Utf8Text.FirstInvalid(bytes) is int invalid)
            throw new InvalidDataException($"{Line(bytes, invalid)}: byte {chunk.ByteOffset + invalid} of the file is 0x{bytes[invalid]:X2}, which is not valid UTF-8; expected UTF-8 text. "
                + "Convert the file to UTF-8: as ISO-8859-1, perhaps, it was saved.");

        string Line(ReadOnlySpan<byte> all, int position) => Place(chunk.FileName, chunk.FirstLine + all[..position].Count((byte)'\n'));
    }
}
