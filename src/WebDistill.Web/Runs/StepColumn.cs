using WebDistill.Data;

namespace WebDistill.Web.Runs;

/// <summary>One charted number: how live rows and the binary history name and encode it.</summary>
/// <param name="Name">The property of StepReport, in camelCase.</param>
/// <param name="Type">"float32", or "float64" where seven digits would round; a column that holds a number beyond float32's largest is
/// sent as float64 whatever is said here.</param>
/// <param name="Value">The number of one step; null where there is none.</param>
public sealed record StepColumn(string Name, string Type, Func<StepMetric, double?> Value)
{
    /// <summary>Its column in the database.</summary>
    public string Stored { get; } = char.ToUpperInvariant(Name[0]) + Name[1..];

    /// <summary>Every number of a step besides its own (which is "step", int32).</summary>
    public static IReadOnlyList<StepColumn> All { get; } =
    [
        new("epoch", "float32", m => m.Epoch),
        new("tokensSeen", "float64", m => m.TokensSeen),
        new("totalLoss", "float32", m => m.TotalLoss),
        new("distillationCeNatsPerToken", "float32", m => m.DistillationCeNatsPerToken),
        new("causalLmNatsPerToken", "float32", m => m.CausalLmNatsPerToken),
        new("logitsMse", "float32", m => m.LogitsMse),
        new("cosineDistance", "float32", m => m.CosineDistance),
        new("learningRate", "float32", m => m.LearningRate),
        new("gradientNorm", "float32", m => m.GradientNorm),
        new("tokensPerSecond", "float32", m => m.TokensPerSecond),
        new("stepSeconds", "float32", m => m.StepSeconds),
        new("memoryBytes", "float64", m => m.MemoryBytes),
        new("validationPerplexity", "float32", m => m.ValidationPerplexity),
        new("validationNatsPerToken", "float32", m => m.ValidationNatsPerToken),
    ];
}
