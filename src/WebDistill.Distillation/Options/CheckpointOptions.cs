using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>When a checkpoint is saved and which ones are kept. Besides these a run saves one at its end, and when it is paused, stopped or shut down.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record CheckpointOptions
{
    /// <summary>Updates between two saved checkpoints; 0 saves none for this reason.</summary>
    [Option("Checkpoint every",
        "Updates between two saved checkpoints. 0 saves none for this reason; one is always saved at the end, on pause, stop and shutdown.",
        Usual = "100 to 1000.", Unit = "updates", Minimum = 0, Advice = "0 switches this reason off", ZeroMeans = "off")]
    public int IntervalSteps { get; init; } = 500;

    /// <summary>Minutes after which a checkpoint is saved if none was; 0 saves none for this reason.</summary>
    [Option("Checkpoint at least every",
        "Minutes after which a checkpoint is saved if none was: the most work that a power cut can cost. 0 saves none for this reason.",
        Usual = "5 to 30.", Unit = "minutes", Minimum = 0, Maximum = 10_000, Advice = "0 switches this reason off", ZeroMeans = "off")]
    public double IntervalMinutes { get; init; } = 10;

    /// <summary>The latest checkpoints that are kept; older ones are removed unless another rule keeps them.</summary>
    [Option("Keep the latest",
        "Checkpoints that are kept; older ones are removed unless another rule keeps them. Each takes three times the student's weights.",
        Usual = "1 to 5.", Unit = "checkpoints", Minimum = 1, Maximum = 100_000, Advice = "the latest one is always kept")]
    public int KeepLast { get; init; } = 3;

    /// <summary>Keep the checkpoint that is the best on the held-out split: by the figure of the run's task.</summary>
    [Option("Keep the best", "Keeps the checkpoint with the best validation: the lowest perplexity, and over labelled examples the highest accuracy.")]
    public bool KeepBest { get; init; } = true;

    /// <summary>Keep every checkpoint whose update is a multiple of this; 0 keeps none for this reason.</summary>
    [Option("Keep multiples of", "Keeps every checkpoint whose update is a multiple of this. 0 keeps none for this reason.",
        Usual = "0, or a few times the interval.", Unit = "updates", Minimum = 0, Advice = "0 keeps none for this reason", ZeroMeans = "off")]
    public int KeepEverySteps { get; init; }
}
