namespace WebDistill.Data;

/// <summary>One update of one run as it is shown. Key: (<see cref="StepNumbers.RunId"/>, <see cref="StepNumbers.Step"/>).</summary>
public sealed class StepMetric : StepNumbers;

/// <summary>
/// An update that was recorded after the checkpoint from which a later attempt went on, and then made again: kept, and never shown. Key:
/// (<see cref="StepNumbers.RunId"/>, <see cref="StepNumbers.Attempt"/>, <see cref="StepNumbers.Step"/>).
/// </summary>
public sealed class SupersededStep : StepNumbers;

/// <summary>The numbers of a StepReport, under the same names and units.</summary>
public abstract class StepNumbers
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Update number, from 1.</summary>
    public int Step { get; set; }

    /// <summary>The attempt that made it, from 1; 0 where it was taken over from the run that this one is a branch of.</summary>
    public int Attempt { get; set; }

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

    /// <summary>The mean loss that it is the exponential of, nats per token; null where an early version recorded it.</summary>
    public double? ValidationNatsPerToken { get; set; }
}
