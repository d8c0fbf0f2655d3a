using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>How often the inside of a run is looked at.</summary>
/// <remarks>It changes nothing that is computed, so that a run that was begun may get another interval.</remarks>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record DiagnosisOptions
{
    /// <summary>Updates between two diagnoses; 0 makes none, null as many as cost less than 1 % of the run's time.</summary>
    [Option("Diagnose every",
        "Updates between two looks at each layer's gradient, weights and update, and at what student and teacher predict on a piece of the held-out text; over labelled examples at the layers alone. Blank is as often as costs "
        + "less than 1 % of the time, 20 times at most, and once at the end; 0 is never.",
        Usual = "Blank; 1 to look closely at a short run.", Unit = "updates", Minimum = 0, Advice = "0 switches it off", ZeroMeans = "off")]
    public int? IntervalSteps { get; init; }
}
