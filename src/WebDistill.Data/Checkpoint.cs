namespace WebDistill.Data;

/// <summary>Weights saved during a run, as a Hugging Face folder under data/runs/{run}/checkpoints/step-{step}.</summary>
public sealed class Checkpoint
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Updates done when it was saved.</summary>
    public int Step { get; set; }

    /// <summary>When it was saved, UTC.</summary>
    public DateTime CreatedAt { get; set; }

    /// <summary>Size of the folder.</summary>
    public long Bytes { get; set; }

    /// <summary>Hash of the weights.</summary>
    public required string WeightsSha256 { get; set; }
}
