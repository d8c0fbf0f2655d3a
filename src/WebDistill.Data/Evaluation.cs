namespace WebDistill.Data;

/// <summary>Where an evaluation stands.</summary>
public enum EvaluationStatus
{
    /// <summary>Waits for its turn.</summary>
    Queued,

    /// <summary>Is being computed.</summary>
    Running,

    /// <summary>Its figures are complete.</summary>
    Completed,

    /// <summary>Ended with an error, which <see cref="Evaluation.Error"/> states.</summary>
    Failed,

    /// <summary>Was cancelled by a person; asked for again it goes on from what it had.</summary>
    Cancelled,
}

/// <summary>One model measured on one set under one protocol: request, progress and figures. Measured once per <see cref="Key"/>.</summary>
public sealed class Evaluation : IListed
{
    /// <summary>Names it.</summary>
    public Guid Id { get; set; }

    /// <summary>Hash of everything that the figures depend on: weights, tokenizer, source text, set, protocol.</summary>
    public required string Key { get; set; }

    /// <summary>Name of an entry of EvaluationSets.All.</summary>
    public required string Set { get; set; }

    /// <summary>The model, or checkpoint, whose weights are measured. They may be deleted; the figures belong to the hash.</summary>
    public Guid ModelId { get; set; }

    /// <summary>What the model was called when it was asked for.</summary>
    public required string ModelName { get; set; }

    /// <summary>Hash of the weights that are measured.</summary>
    public required string WeightsSha256 { get; set; }

    /// <summary>The model that it is compared with, for a set that compares two.</summary>
    public Guid? ReferenceModelId { get; set; }

    /// <summary>What that model was called.</summary>
    public string? ReferenceName { get; set; }

    /// <summary>Hash of that model's weights.</summary>
    public string? ReferenceSha256 { get; set; }

    /// <summary>The data set whose held-out tokens are the text; null for a set with a file of its own.</summary>
    public Guid? DatasetId { get; set; }

    /// <summary>What the text is called: a file's name or a data set's.</summary>
    public required string SourceName { get; set; }

    /// <summary>Hash of the text; null when none is read.</summary>
    public string? SourceSha256 { get; set; }

    /// <summary>Tokens that a prediction can look back at, the predicted one included.</summary>
    public int ContextLength { get; set; }

    /// <summary>Tokens from the start of one window to the start of the next.</summary>
    public int Stride { get; set; }

    /// <summary>Where it stands.</summary>
    public EvaluationStatus Status { get; set; }

    /// <summary>Why it failed.</summary>
    public string? Error { get; set; }

    /// <summary>Units of work done, of <see cref="TotalUnits"/>.</summary>
    public long DoneUnits { get; set; }

    /// <summary>Units of work; 0 until the text is read.</summary>
    public long TotalUnits { get; set; }

    /// <summary>What the work done so far came to, to go on from, as JSON.</summary>
    public string? StateJson { get; set; }

    /// <summary>The EvaluationResult, whole, as JSON.</summary>
    public string? ResultJson { get; set; }

    /// <summary>When it was asked for, UTC.</summary>
    public DateTime CreatedAt { get; set; }

    /// <summary>When it ended, UTC.</summary>
    public DateTime? FinishedAt { get; set; }

    /// <summary>Time spent computing.</summary>
    public double ComputedSeconds { get; set; }

    /// <summary>Tensor engine and device that measured it.</summary>
    public string? Engine { get; set; }

    /// <summary>Version of WebDistill that measured it.</summary>
    public string? Version { get; set; }
}
