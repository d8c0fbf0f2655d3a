using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>
/// Plain text, the whole file is one document: a novel whose paragraphs belong together. What is held out of it begins with the line after
/// the place where <see cref="CorpusOptions.ValidationProportion"/> of the bytes are left, and is a document of its own.
/// </summary>
internal static class WholeTextCorpus
{
    // Nothing but the end of the file is an end of a document.
    public static CorpusFormat Format { get; } = new("text-whole", "Plain text, the whole file is one document.", [], _ => 0, Split);

    private static void Split(CorpusChunk chunk, CorpusOptions options, DocumentFound found)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        int heldOut = HeldOutFrom(chunk, options.ValidationProportion);
        Report(chunk, 0, bytes[..heldOut], found);
        Report(chunk, heldOut, bytes[heldOut..], found);
    }

    private static int HeldOutFrom(CorpusChunk chunk, double proportion)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        long ofFile = CorpusPreparation.SplitByte(chunk.ByteOffset + bytes.Length, proportion);
        int from = (int)Math.Clamp(ofFile - chunk.ByteOffset, 0, bytes.Length);
        int lineEnd = bytes[from..].IndexOf((byte)'\n');
        return lineEnd < 0 ? bytes.Length : from + lineEnd + 1;
    }

    private static void Report(CorpusChunk chunk, int offset, ReadOnlySpan<byte> bytes, DocumentFound found)
    {
        string text = Encoding.UTF8.GetString(bytes).ReplaceLineEndings("\n").Trim('\n').TrimEnd();
        if (text.Length > 0)
            found(text, chunk.ByteOffset + offset);
    }
}
