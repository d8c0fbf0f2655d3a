namespace WebDistill.Data;

/// <summary>
/// A state of a run from which it can go on, and a Hugging Face model at once: a folder under data/runs/{run}/checkpoints. The folders are
/// the truth, these rows list them.
/// </summary>
public sealed class Checkpoint
{
    /// <summary>Names it where a model can be named: in the playground.</summary>
    public Guid Id { get; set; }

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Updates done when it was saved.</summary>
    public int Step { get; set; }

    /// <summary>When it was saved, UTC.</summary>
    public DateTime CreatedAt { get; set; }

    /// <summary>Size of the folder.</summary>
    public long Bytes { get; set; }

    /// <summary>Perplexity of the student on the held-out split at this very update; null when it was not measured then.</summary>
    public double? ValidationPerplexity { get; set; }

    /// <summary>The mean loss that it is the exponential of, nats per token; null where an early version saved it.</summary>
    public double? ValidationNatsPerToken { get; set; }

    /// <summary>What was measured of it on held-out labelled examples, as a JSON object of series and numbers; null in a run over texts, and when it was not measured then.</summary>
    public string? ValidationOfClassesJson { get; set; }

    /// <summary>Hash of the weights.</summary>
    public required string WeightsSha256 { get; set; }
}
