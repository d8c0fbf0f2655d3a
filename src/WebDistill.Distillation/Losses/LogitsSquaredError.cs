using TorchSharp;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>Squared error of the raw logits: Σ_v (student_v − teacher_v)², without temperature.</summary>
/// <remarks>
/// Ba and Caruana 2014. Divided by tokens, or by tokens and vocabulary (<see cref="MseReduction"/>). Gradient: 2 (student_v − teacher_v).
/// </remarks>
public sealed class LogitsSquaredError : RowLoss
{
    /// <inheritdoc/>
    public override string Name => "mse";

    /// <inheritdoc/>
    public override string Title => "Squared error of the logits";

    /// <inheritdoc/>
    public override string Label => "Logits MSE";

    /// <inheritdoc/>
    public override string Formula => "Σ (student − teacher)² over the vocabulary, mean over tokens (optionally also over the vocabulary)";

    /// <inheritdoc/>
    public override string Unit => "squared logits/token";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override double Weight(RunOptions options) => options.AlphaMse;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, RunOptions options, int vocabularySize) =>
        options.MseReduction == MseReduction.PerElement ? (double)counts.Rows * vocabularySize : counts.Rows;

    internal override torch.Tensor Sum(LossRows rows, double temperature)
    {
        torch.Tensor difference = rows.StudentLogits! - rows.TeacherLogits!;
        return (difference * difference).sum();
    }
}
