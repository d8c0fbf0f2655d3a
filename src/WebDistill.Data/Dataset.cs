namespace WebDistill.Data;

/// <summary>Where the preparation of a data set stands.</summary>
public enum DatasetState
{
    /// <summary>Its text is being written, its vocabulary trained or its tokens counted.</summary>
    Preparing,

    /// <summary>Runs can use it.</summary>
    Ready,

    /// <summary>Could not be prepared; <see cref="Dataset.Error"/> says why.</summary>
    Failed,

    /// <summary>The preparation was cancelled by a person.</summary>
    Cancelled,
}

/// <summary>A corpus with its tokenizer and its two token files, under data/datasets/{id}.</summary>
public sealed class Dataset : IListed
{
    /// <summary>Names the folder.</summary>
    public Guid Id { get; set; }

    /// <summary>Free text for people, never a path.</summary>
    public required string Name { get; set; }

    /// <summary>What the uploaded file was called; never used as a path.</summary>
    public required string FileName { get; set; }

    /// <summary>Where its preparation stands.</summary>
    public DatasetState State { get; set; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; set; }

    /// <summary>Name of an entry of CorpusFormats.All; of labelled examples, of LabelledFormats.All.</summary>
    public required string Format { get; set; }

    /// <summary>The field that holds the text, for JSON lines.</summary>
    public required string JsonField { get; set; }

    /// <summary>Whether the lines of a paragraph are joined: a text with hard line breaks.</summary>
    public bool UnwrapLines { get; set; }

    /// <summary>The LabelledOptions, whole, as JSON: the columns of labelled examples. Null of a text.</summary>
    public string? LabelledJson { get; set; }

    /// <summary>What the file of held-out examples was called, where one was uploaded beside the first.</summary>
    public string? HeldOutFileName { get; set; }

    /// <summary>Classes of labelled examples; null of a text, and until they are counted.</summary>
    public int? ClassCount { get; set; }

    /// <summary>The model whose tokenizer is used; null trains a vocabulary on the corpus.</summary>
    public Guid? TokenizerModelId { get; set; }

    /// <summary>Size of the vocabulary that was asked for, when one is trained.</summary>
    public int? RequestedVocabularySize { get; set; }

    /// <summary>Share of the corpus, at its end, that is held out; of labelled examples in one file, of each class.</summary>
    public double ValidationProportion { get; set; }

    /// <summary>Set when the text is not uploaded but generated from this seed.</summary>
    public int? GeneratorSeed { get; set; }

    /// <summary>Size of the source text.</summary>
    public long Bytes { get; set; }

    /// <summary>Hash of the source text.</summary>
    public string? Sha256 { get; set; }

    /// <summary>Hash of the tokenizer.</summary>
    public string? TokenizerSha256 { get; set; }

    /// <summary>Token ids of the tokenizer.</summary>
    public int? VocabularySize { get; set; }

    /// <summary>Documents, or labelled examples, in both splits.</summary>
    public long? Documents { get; set; }

    /// <summary>Tokens in both splits.</summary>
    public long? Tokens { get; set; }

    /// <summary>Tokens that are trained on.</summary>
    public long? TrainTokens { get; set; }

    /// <summary>Tokens held out.</summary>
    public long? ValidationTokens { get; set; }

    /// <summary>The CorpusStatistics, whole, as JSON; of labelled examples, the LabelledStatistics.</summary>
    public string? StatisticsJson { get; set; }

    /// <summary>When it was added, UTC.</summary>
    public DateTime CreatedAt { get; set; }
}
