using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Plain text, documents separated by blank lines. Line ends become LF; white space at the end of a document is removed,
/// indentation is kept.</summary>
internal static class TextParagraphsCorpus
{
    public static CorpusFormat Format { get; } = new(
        "text-paragraphs", "Plain text, documents separated by blank lines.", [".txt", ".text", ".md"], CompletePrefix, Split);

    private static int CompletePrefix(ReadOnlySpan<byte> bytes)
    {
        // Backwards over complete lines: the chunk may end after a blank one.
        int end = bytes.LastIndexOf((byte)'\n') + 1;
        while (end > 0)
        {
            int start = bytes[..(end - 1)].LastIndexOf((byte)'\n') + 1;
            if (LineScanner.IsBlank(bytes[start..(end - 1)]))
                return end;
            end = start;
        }
        return 0;
    }

    private static void Split(CorpusChunk chunk, CorpusOptions options, DocumentFound found)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        var document = new StringBuilder();
        int documentOffset = 0;
        var lines = new LineScanner(bytes);
        while (lines.TryNext(out Line line))
        {
            ReadOnlySpan<byte> content = bytes.Slice(line.Offset, line.Length);
            if (LineScanner.IsBlank(content))
            {
                Finish(chunk.ByteOffset + documentOffset);
                continue;
            }
            if (document.Length == 0)
                documentOffset = line.Offset;
            else
                document.Append('\n');
            document.Append(Encoding.UTF8.GetString(content));
        }
        Finish(chunk.ByteOffset + documentOffset);

        void Finish(long byteOffset)
        {
            string text = document.ToString().TrimEnd();
            document.Clear();
            if (text.Length > 0)
                found(text, byteOffset);
        }
    }
}
