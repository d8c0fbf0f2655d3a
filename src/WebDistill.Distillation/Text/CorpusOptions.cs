namespace WebDistill.Distillation.Text;

/// <summary>How a corpus is read and split.</summary>
public sealed record CorpusOptions
{
    /// <summary>Name of an entry of <see cref="CorpusFormats.All"/>.</summary>
    public required string Format { get; init; }

    /// <summary>For json-lines: the field of each object that holds the text.</summary>
    public string JsonField { get; init; } = "text";

    /// <summary>Whether the lines of a paragraph are joined: <see cref="HardLineBreaks"/>.</summary>
    public bool UnwrapLines { get; init; }

    /// <summary>Share of the corpus, by bytes from its end, that is held out for validation: 0 (none) to 0.5.</summary>
    public double ValidationProportion { get; init; } = 0.05;

    /// <summary>Threads that tokenise; 0 uses every processor. The result does not depend on it.</summary>
    public int Threads { get; init; }
}

/// <summary>How far the preparation of a corpus is.</summary>
/// <param name="Tokens">Tokens written so far, end-of-text ids included.</param>
public sealed record CorpusProgress(long BytesRead, long BytesTotal, long Documents, long Tokens);

/// <summary>Documents whose length lies in a range.</summary>
/// <param name="FromTokens">Shortest length of the bin, inclusive.</param>
/// <param name="ToTokens">Longest length of the bin, inclusive.</param>
public sealed record LengthBin(int FromTokens, int ToTokens, long Documents);

/// <summary>What a prepared corpus contains.</summary>
/// <param name="Bytes">Size of the source file.</param>
/// <param name="Documents">Documents of both splits.</param>
/// <param name="Tokens">Tokens of both splits, one end-of-text id per document included.</param>
/// <param name="TrainTokens">Tokens of the training split.</param>
/// <param name="ValidationTokens">Tokens of the validation split; 0 without one.</param>
/// <param name="BytesPerToken">Bytes / Tokens.</param>
/// <param name="LengthHistogram">Document lengths (without the id after a document) in bins that double: 1, 2-3, 4-7, ... up to the longest.</param>
public sealed record CorpusStatistics(
    long Bytes, long Documents, long Tokens, long TrainTokens, long ValidationTokens, double BytesPerToken,
    IReadOnlyList<LengthBin> LengthHistogram);
