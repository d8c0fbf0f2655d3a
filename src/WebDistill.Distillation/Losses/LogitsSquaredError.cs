using TorchSharp;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>Squared error of the raw logits: Σ_v (student_v − teacher_v)², without temperature.</summary>
/// <remarks>
/// Ba and Caruana 2014. Divided by tokens, or by tokens and vocabulary (<see cref="MseReduction"/>). Gradient: 2 (student_v − teacher_v).
/// </remarks>
public sealed class LogitsSquaredError : RowLoss
{
    /// <summary>What it is computed with.</summary>
    public sealed record Divided
    {
        /// <summary>What the sum is divided by.</summary>
        [Option("MSE divided by", "What the logits' squared error is divided by, besides the number of tokens.",
            Usual = "Summed is the reference's; per element does not change with the vocabulary.")]
        public MseReduction Reduction { get; init; } = MseReduction.SumOverVocabulary;
    }

    /// <inheritdoc/>
    public override string Name => "mse";

    /// <inheritdoc/>
    public override object? Parameters => new Divided();

    /// <inheritdoc/>
    public override string Title => "Squared error of the logits";

    /// <inheritdoc/>
    public override string Label => "Logits MSE";

    /// <inheritdoc/>
    public override string Formula => "Σ (student − teacher)² over the vocabulary, mean over tokens (optionally also over the vocabulary)";

    /// <inheritdoc/>
    public override string What => "Matches the teacher's logits as they are, the constant of each row included, which no probability depends on. For the reference's runs; else the centred "
        + "logits are the better choice.";

    /// <inheritdoc/>
    public override string Source => "Ba and Caruana 2014";

    /// <inheritdoc/>
    public override string Unit => "squared logits/token";

    /// <inheritdoc/>
    public override string? UsualWeight => "0; summed over the vocabulary it is large, so start near 1e-4 (Hugging Face's distillation project).";

    /// <inheritdoc/>
    public override (double Most, double Step) WeightSlider => (1, 0.01);

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) =>
        ((Divided)parameters!).Reduction == MseReduction.PerElement ? (double)counts.Rows * vocabularySize : counts.Rows;

    internal override torch.Tensor Sum(LossRows rows, object? parameters)
    {
        torch.Tensor difference = rows.StudentLogits! - rows.TeacherLogits!;
        return (difference * difference).sum();
    }
}
