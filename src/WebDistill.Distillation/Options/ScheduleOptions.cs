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

    /// <summary>Updates after which training ends even where epochs are left; 0 is no such budget.</summary>
    [Option("Budget of updates", "Training ends after so many updates, even where epochs are left. Schedule and warm-up are planned over what is made. 0 is off.",
        Usual = "Off; the same for all runs of a comparison.", Unit = "updates", Minimum = 0, Advice = "0 is off", ZeroMeans = "off")]
    public int MaxUpdates { get; init; }

    /// <summary>Tokens with whose update training ends even where epochs are left; 0 is no such budget.</summary>
    [Option("Budget of tokens",
        "Training ends with the update that reaches so many tokens, even where epochs are left. Padded documents count with their mean length. 0 is off.",
        Usual = "Off; about 20 per parameter for a model from scratch (Hoffmann et al. 2022).", Unit = "tokens", Minimum = 0, Advice = "0 is off", ZeroMeans = "off")]
    public long MaxTokens { get; init; }

    /// <summary>Sequences per micro-batch.</summary>
    [Option("Batch size", "Sequences per micro-batch. Larger needs more memory.", Usual = "1 to 32.", Unit = "sequences", Minimum = 1,
        Maximum = 65_536, Advice = "sequences per micro-batch", IsFixedOnceBegun = true)]
    public int BatchSize { get; init; } = 8;

    /// <summary>Micro-batches per update.</summary>
    [Option("Gradient accumulation", "Micro-batches per update: a large batch without its memory.",
        Usual = "1; 500 with batch size 1 (Sanh et al. 2019).", Unit = "batches", Minimum = 1, Maximum = 1_000_000,
        Advice = "micro-batches per update", IsFixedOnceBegun = true)]
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Name of an entry of RateSchedules.All: how the learning rate goes on after its warm-up.</summary>
    [Option("Learning-rate schedule", "How the learning rate goes on after its warm-up.",
        Usual = "linear (Sanh et al. 2019); cosine for most language models; warmup-stable-decay for runs that may be continued.", IsChosen = true)]
    public string Shape { get; init; } = "linear";

    /// <summary>Share of the updates, at the end, over which warmup-stable-decay lets the learning rate fall to 0.</summary>
    [Option("Decay", "Share of the updates, at the end, over which the schedule warmup-stable-decay falls to 0. Other schedules have none.",
        Usual = "0.1 to 0.2 (Hägele et al. 2024).", Unit = "of updates", Minimum = 0, Maximum = 1, Advice = "it is a share of all updates, 0.2 is usual")]
    public double DecayProportion { get; init; } = 0.2;

    /// <summary>Share of the updates over which the learning rate rises linearly from 0, whatever the schedule is.</summary>
    [Option("Warm-up", "Share of the updates over which the learning rate rises from 0. After it, the rate follows the schedule.",
        Usual = "0.05 (Sanh et al. 2019).", Unit = "of updates", Minimum = 0, Maximum = 1,
        Advice = "it is a share of all updates, 0.05 is usual")]
    public double WarmupProportion { get; init; } = 0.05;

    /// <summary>Which bookkeeping the loop follows.</summary>
    [Option("Bookkeeping",
        "Corrected weighs every token of an update the same. Hugging Face exact reproduces the reference with its known defects.",
        IsFixedOnceBegun = true)]
    public TrainingSemantics Semantics { get; init; } = TrainingSemantics.Corrected;

    /// <summary>Updates between two measurements on the held-out split; 0 measures at the end only.</summary>
    [Option("Validate every", "Updates between two measurements on held-out data: of the perplexity, and over labelled examples of the accuracy. 0 measures at the end only.",
        Usual = "20 to 500.", Unit = "updates", Minimum = 0, Advice = "0 measures at the end only",
        ZeroMeans = "at the end only")]
    public int ValidationIntervalSteps { get; init; } = 50;

    /// <summary>Upper bound of validation tokens read per measurement.</summary>
    [Option("Validation tokens", "Most held-out tokens read per measurement; of labelled examples, as many whole ones as have room in it.", Usual = "8192 and more.", Unit = "tokens", Minimum = 2,
        Advice = "tokens read per measurement")]
    public int ValidationMaxTokens { get; init; } = 65536;
}
