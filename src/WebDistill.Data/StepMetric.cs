namespace WebDistill.Data;

/// <summary>
/// One update of one run: the numbers of a StepReport, under the same names and units. Key: (<see cref="RunId"/>, <see cref="Step"/>,
/// <see cref="Attempt"/>).
/// </summary>
public sealed class StepMetric
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Update number, from 1.</summary>
    public int Step { get; set; }

    /// <summary>The attempt that made it, from 1.</summary>
    public int Attempt { get; set; }

    /// <summary>
    /// Whether a later attempt went on from an earlier update: this one was recorded, and then made again. It is kept and never shown.
    /// </summary>
    public bool Superseded { get; set; }

    /// <summary>Epochs finished, with fraction.</summary>
    public double Epoch { get; set; }

    /// <summary>Tokens trained on since the run began.</summary>
    public long TokensSeen { get; set; }

    /// <summary>The weighted sum that was minimised.</summary>
    public double TotalLoss { get; set; }

    /// <summary>T²·KL(teacher‖student), nats per token.</summary>
    public double? DistillationCeNatsPerToken { get; set; }

    /// <summary>Causal language-model cross-entropy, nats per predicted token.</summary>
    public double? CausalLmNatsPerToken { get; set; }

    /// <summary>Squared error of the logits.</summary>
    public double? LogitsMse { get; set; }

    /// <summary>1 − cosine of the last hidden states.</summary>
    public double? CosineDistance { get; set; }

    /// <summary>Learning rate of the update.</summary>
    public double LearningRate { get; set; }

    /// <summary>Global gradient norm before clipping.</summary>
    public double GradientNorm { get; set; }

    /// <summary>Tokens of the update divided by its duration.</summary>
    public double TokensPerSecond { get; set; }

    /// <summary>Duration of the update.</summary>
    public double StepSeconds { get; set; }

    /// <summary>Resident memory of the process after the update, bytes.</summary>
    public long MemoryBytes { get; set; }

    /// <summary>Perplexity of the student on the held-out split, when it was measured after this update.</summary>
    public double? ValidationPerplexity { get; set; }
}
