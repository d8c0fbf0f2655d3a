namespace WebDistill.Distillation.Evaluation;

/// <summary>Which direction of a figure is the better one.</summary>
public enum Better
{
    /// <summary>Neither: it describes.</summary>
    Neither,

    /// <summary>Higher, as of an accuracy.</summary>
    Higher,

    /// <summary>Lower, as of a perplexity.</summary>
    Lower,
}

/// <summary>One number that was measured.</summary>
/// <param name="Name">What it is, unique among the figures of a set.</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit, with what it is divided by; empty for a number without one.</param>
/// <param name="Better">Which direction is the better one.</param>
/// <param name="Nats">Of a perplexity, the mean of −ln p that it is the exponential of, per what <paramref name="Unit"/> says; null of
/// another figure, and of what an early version measured.</param>
/// <param name="Lowest">Of a figure that was measured several times, the lowest of its values; null of another one.</param>
/// <param name="Highest">The highest of them.</param>
public sealed record EvaluationFigure(
    string Name, double Value, string Unit, Better Better, double? Nats = null, double? Lowest = null, double? Highest = null)
{
    /// <summary>A perplexity: exp of a mean of −ln p, in nats.</summary>
    public static EvaluationFigure Perplexity(string name, double nats, string unit) => new(name, Math.Exp(nats), unit, Better.Lower, nats);
}

/// <summary>One count that the figures rest on.</summary>
/// <param name="Name">What was counted.</param>
/// <param name="Value">How many.</param>
public sealed record EvaluationCount(string Name, long Value);

/// <summary>A figure by groups of tokens, for a chart.</summary>
/// <param name="Name">What is charted.</param>
/// <param name="By">What the groups are.</param>
/// <param name="Unit">Unit of the values.</param>
/// <param name="Groups">Name of each group.</param>
/// <param name="Counts">Tokens in each group; a group without any has no value.</param>
/// <param name="Values">The figure of each group; null where there is no token.</param>
public sealed record EvaluationBreakdown(
    string Name, string By, string Unit, IReadOnlyList<string> Groups, IReadOnlyList<long> Counts, IReadOnlyList<double?> Values);

/// <summary>What a model answered, for people to look at.</summary>
/// <param name="Question">What was asked.</param>
/// <param name="Answer">What came.</param>
/// <param name="Expected">What would have been right, or one of the references.</param>
public sealed record EvaluationSample(string Question, string Answer, string Expected);

/// <summary>Everything that one evaluation says.</summary>
public sealed record EvaluationResult
{
    /// <summary>The figures, the most important one first.</summary>
    public required IReadOnlyList<EvaluationFigure> Figures { get; init; }

    /// <summary>What they rest on.</summary>
    public IReadOnlyList<EvaluationCount> Counts { get; init; } = [];

    /// <summary>How they were measured, in sentences; belongs beside every figure.</summary>
    public required string Protocol { get; init; }

    /// <summary>What else the machine did while it was measured, as a sentence that belongs beside the figures; null where that changes none of them.</summary>
    public string? Disturbance { get; init; }

    /// <summary>Figures by groups.</summary>
    public IReadOnlyList<EvaluationBreakdown> Breakdowns { get; init; } = [];

    /// <summary>Some answers.</summary>
    public IReadOnlyList<EvaluationSample> Samples { get; init; } = [];
}
