using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Losses;

/// <summary>After which updates a series has a number.</summary>
public enum SeriesCadence
{
    /// <summary>After every one.</summary>
    EveryStep,

    /// <summary>After those at which it is measured.</summary>
    Measured,

    /// <summary>Once for the whole run: a line that the others of its chart are compared with.</summary>
    Once,
}

/// <summary>How the numbers of a series are written.</summary>
public enum SeriesFormat
{
    /// <summary>1.2345</summary>
    Loss,

    /// <summary>12.34, and with its mean loss where it overflowed.</summary>
    Perplexity,

    /// <summary>5.00e-4</summary>
    Scientific,

    /// <summary>1.234: four digits whatever the size.</summary>
    Significant,

    /// <summary>41.2 k</summary>
    Compact,

    /// <summary>1 234</summary>
    Whole,
}

/// <summary>
/// A number that a run records again and again, from the loop to the pixel: whoever stores, sends or draws it knows this and no more. The list of a
/// run is fixed when it begins and stored with it, so that a number keeps its name, unit and colour whatever later versions call it.
/// </summary>
public sealed record StepSeries
{
    /// <summary>Id of the chart that all losses share.</summary>
    public const string LossChart = "losses";

    /// <summary>Stable id, in camelCase: key of <see cref="StepReport.Values"/>, of answers and of exported columns.</summary>
    public required string Name { get; init; }

    /// <summary>What it is, as a chart is headed.</summary>
    public required string Title { get; init; }

    /// <summary>The same where there is little room; null where the title is short enough.</summary>
    public string? Label { get; init; }

    /// <summary>Unit of what is drawn; empty without one.</summary>
    public string Unit { get; init; } = "";

    /// <summary>After which updates it has a number.</summary>
    public SeriesCadence Cadence { get; init; }

    /// <summary>Id of the chart that shows it, which it may share; null where it is recorded and not drawn.</summary>
    public string? Chart { get; init; }

    /// <summary>Key of the tab of a run's page that has its chart; null for that of the curves.</summary>
    public string? Tab { get; init; }

    /// <summary>Place in the palette, from 0.</summary>
    public int Colour { get; init; }

    /// <summary>How its numbers are written.</summary>
    public SeriesFormat Format { get; init; }

    /// <summary>What a number is multiplied by to be drawn in <see cref="Unit"/>.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Its weight in the total loss; null for what is no term of it.</summary>
    public double? Weight { get; init; }

    /// <summary>The series of which it is the exponential; null where it is none.</summary>
    public string? ExponentialOf { get; init; }

    /// <summary>Which way is better, of a figure that runs and checkpoints are ranked by; null of any other.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? HigherIsBetter { get; init; }

    /// <summary>Whether a moving average says more than its single numbers.</summary>
    public bool IsSmoothed { get; init; }

    /// <summary>Whether it can be drawn over a logarithmic axis.</summary>
    public bool CanBeLogarithmic { get; init; }

    /// <summary>Whether seven digits would round it: it is sent in 64 bits.</summary>
    public bool IsExact { get; init; }

    /// <summary>Whether runs are compared by it.</summary>
    public bool IsCompared { get; init; } = true;
}
