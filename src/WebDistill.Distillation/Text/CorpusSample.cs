using System.Text;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>What the beginning of a file holds when it is read as a format says: to look at before the file is sent.</summary>
/// <param name="Documents">The first documents, in order.</param>
/// <param name="Bytes">Bytes that were read.</param>
/// <param name="EndsInside">Whether the last document goes on beyond them.</param>
/// <param name="LooksWrapped">Whether lines seem to end where a printed line was full.</param>
public sealed record CorpusSample(IReadOnlyList<string> Documents, int Bytes, bool EndsInside, bool LooksWrapped)
{
    /// <summary>Reads the documents of the beginning of a file.</summary>
    /// <param name="fileName">For messages.</param>
    /// <param name="head">The first bytes; all of them where the file is no longer.</param>
    /// <param name="isWholeFile">Whether the file ends with them.</param>
    /// <exception cref="InvalidDataException">They are not text of the format; says where and what was expected.</exception>
    public static CorpusSample Read(string fileName, ReadOnlyMemory<byte> head, bool isWholeFile, CorpusOptions options)
    {
        if (head.Length == 0)
            throw new InvalidDataException($"{fileName}: 0 bytes; expected text. Choose another file.");
        if (Utf8Text.BeginsAsUtf16(head.Span))
            throw new InvalidDataException($"{fileName}: begins with a UTF-16 byte-order mark; expected UTF-8. Save the file as UTF-8.");
        int mark = head.Span.StartsWith(Utf8Text.Mark) ? Utf8Text.Mark.Length : 0;
        ReadOnlyMemory<byte> text = head[mark..];
        CorpusFormat format = CorpusFormats.Find(options.Format);
        bool endsInside = false;
        if (!isWholeFile)
        {
            int complete = format.CompletePrefix(text.Span);
            endsInside = complete == 0;
            // One document is longer than what was read: it is shown as far as it goes, and JSON that breaks off cannot be read at all.
            if (endsInside && format.ReadsRecords)
                throw new InvalidDataException($"{fileName}: the first line is longer than {text.Length} bytes, which is as far as a preview reads. The whole "
                    + "file may be good: upload it.");
            text = endsInside ? text[..WholeCharacters(text.Span)] : text[..complete];
        }
        var chunk = new CorpusChunk(fileName, text, mark, 1);
        CorpusChunkReader.Check(chunk);
        List<string> plain = [];
        // Nothing is held out of a beginning.
        format.Split(chunk, options with { ValidationProportion = 0 }, (document, _) => plain.Add(document));
        return new CorpusSample(options.UnwrapLines ? plain.ConvertAll(HardLineBreaks.Unwrap) : plain, head.Length, endsInside,
            HardLineBreaks.LooksWrapped(plain));
    }

    // What was read may end within a character of several bytes.
    private static int WholeCharacters(ReadOnlySpan<byte> bytes)
    {
        for (int last = bytes.Length - 1; last >= 0 && bytes.Length - last <= 4; last--)
        {
            if (Rune.DecodeFromUtf8(bytes[last..], out _, out int length) == System.Buffers.OperationStatus.Done)
                return last + length;
        }
        return bytes.Length;
    }
}
