using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Plain text, one document per line, white space at its ends removed; blank lines are skipped.</summary>
internal static class TextLinesCorpus
{
    public static CorpusFormat Format { get; } = new(
        "text-lines", "Plain text, one document per line.", [".txt", ".text"], CompletePrefix, Split);

    /// <summary>A chunk of lines is complete after its last line end.</summary>
    public static int CompletePrefix(ReadOnlySpan<byte> bytes) => bytes.LastIndexOf((byte)'\n') + 1;

    private static void Split(CorpusChunk chunk, CorpusOptions options, DocumentFound found)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        var lines = new LineScanner(bytes);
        while (lines.TryNext(out Line line))
        {
            string text = Encoding.UTF8.GetString(bytes.Slice(line.Offset, line.Length)).Trim();
            if (text.Length > 0)
                found(text, chunk.ByteOffset + line.Offset);
        }
    }
}
