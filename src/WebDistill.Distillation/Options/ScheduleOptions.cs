using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>How long is trained, in which portions, and when the held-out text is measured.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record ScheduleOptions
{
    /// <summary>Passes over the training split.</summary>
    [Option("Epochs", "Passes over the training split.", Usual = "1 to 4.", Unit = "passes", Minimum = 1, Maximum = 100_000,
        Advice = "passes over the training split")]
    public int Epochs { get; init; } = 3;

    /// <summary>Sequences per micro-batch.</summary>
    [Option("Batch size", "Sequences per micro-batch. Larger needs more memory.", Usual = "1 to 32.", Unit = "sequences", Minimum = 1,
        Maximum = 65_536, Advice = "sequences per micro-batch", IsFixedOnceBegun = true)]
    public int BatchSize { get; init; } = 8;

    /// <summary>Micro-batches per update.</summary>
    [Option("Gradient accumulation", "Micro-batches per update: a large batch without its memory.",
        Usual = "1; 500 with batch size 1 (Sanh et al. 2019).", Unit = "batches", Minimum = 1, Maximum = 1_000_000,
        Advice = "micro-batches per update", IsFixedOnceBegun = true)]
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Share of the updates over which the learning rate rises linearly from 0; afterwards it falls linearly to 0.</summary>
    [Option("Warm-up", "Share of the updates over which the learning rate rises from 0. After it, the rate falls linearly to 0.",
        Usual = "0.05 (Sanh et al. 2019).", Unit = "of updates", Minimum = 0, Maximum = 1,
        Advice = "it is a share of all updates, 0.05 is usual")]
    public double WarmupProportion { get; init; } = 0.05;

    /// <summary>Which bookkeeping the loop follows.</summary>
    [Option("Bookkeeping",
        "Corrected weighs every token of an update the same. Hugging Face exact reproduces the reference with its known defects.",
        IsFixedOnceBegun = true)]
    public TrainingSemantics Semantics { get; init; } = TrainingSemantics.Corrected;

    /// <summary>Updates between two measurements of the validation perplexity; 0 measures at the end only.</summary>
    [Option("Validate every", "Updates between two measurements of the validation perplexity. 0 measures at the end only.",
        Usual = "20 to 500.", Unit = "updates", Minimum = 0, Advice = "0 measures at the end only")]
    public int ValidationIntervalSteps { get; init; } = 50;

    /// <summary>Upper bound of validation tokens read per measurement.</summary>
    [Option("Validation tokens", "Most held-out tokens read per measurement.", Usual = "8192 and more.", Unit = "tokens", Minimum = 2,
        Advice = "tokens read per measurement")]
    public int ValidationMaxTokens { get; init; } = 65536;
}
