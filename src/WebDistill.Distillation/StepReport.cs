namespace WebDistill.Distillation;

/// <summary>The numbers of one update: all that leaves the loop. Losses are un-weighted means over the update's tokens.</summary>
public sealed record StepReport
{
    /// <summary>Update number, from 1.</summary>
    public required int Step { get; init; }

    /// <summary>Epochs finished, with fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>Tokens trained on since the run began.</summary>
    public required long TokensSeen { get; init; }

    /// <summary>The weighted sum that was minimised.</summary>
    public required double TotalLoss { get; init; }

    /// <summary>T²·KL(teacher‖student), nats per token; null without a teacher or with weight 0.</summary>
    public double? DistillationCeNatsPerToken { get; init; }

    /// <summary>Causal language-model cross-entropy, nats per predicted token; null with weight 0.</summary>
    public double? CausalLmNatsPerToken { get; init; }

    /// <summary>
    /// Squared error of the logits per token, summed over the vocabulary or per element as the options say; null with weight 0.
    /// </summary>
    public double? LogitsMse { get; init; }

    /// <summary>1 − cosine of the last hidden states, mean over tokens; null with weight 0.</summary>
    public double? CosineDistance { get; init; }

    /// <summary>Learning rate that this update was made with.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Global gradient norm before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>Tokens of this update divided by its duration.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Duration of this update, validation and checkpoints excluded.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>Resident memory of the process after this update, bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Perplexity of the student on the held-out split, measured after this update; null when none was due.</summary>
    public double? ValidationPerplexity { get; init; }

    /// <summary>The mean loss that <see cref="ValidationPerplexity"/> is the exponential of, nats per predicted token.</summary>
    public double? ValidationNatsPerToken { get; init; }
}
