namespace WebDistill.Distillation.Text;

/// <summary>Receives one document and the byte offset in the file at which its record begins.</summary>
internal delegate void DocumentFound(string text, long byteOffset);

/// <summary>Length of the longest prefix that ends between two documents whatever follows it; 0 when there is none.</summary>
internal delegate int CompletePrefix(ReadOnlySpan<byte> bytes);

/// <summary>Reports every document of a part of a file that begins and ends between two documents.</summary>
internal delegate void DocumentSplit(CorpusChunk chunk, CorpusOptions options, DocumentFound found);

/// <summary>One way in which a file holds documents.</summary>
public sealed record CorpusFormat
{
    internal CorpusFormat(
        string name, string description, IReadOnlyList<string> extensions, CompletePrefix completePrefix, DocumentSplit split)
    {
        Name = name;
        Description = description;
        Extensions = extensions;
        CompletePrefix = completePrefix;
        Split = split;
    }

    /// <summary>The name in options and stored JSON.</summary>
    public string Name { get; }

    /// <summary>One sentence for people.</summary>
    public string Description { get; }

    /// <summary>Whether a document stands in a record, of which a part cannot be read.</summary>
    internal bool ReadsRecords { get; init; }

    /// <summary>File extensions that suggest this format, with the dot, in lower case.</summary>
    public IReadOnlyList<string> Extensions { get; }

    internal CompletePrefix CompletePrefix { get; }

    internal DocumentSplit Split { get; }
}
