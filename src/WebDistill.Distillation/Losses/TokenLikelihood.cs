using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>Negative log-likelihood of the token that a row has as its target: −ln softmax(student)[target], at temperature 1.</summary>
/// <remarks>Which token that is, the batch says: the next one, or the one that stood where now a mask stands.</remarks>
public abstract class TokenLikelihood : RowLoss
{
    /// <inheritdoc/>
    public sealed override string Unit => "nats/token";

    /// <inheritdoc/>
    public sealed override LossInputs Needs => LossInputs.StudentLogits | LossInputs.Targets;

    /// <inheritdoc/>
    public sealed override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Targets;

    internal sealed override Tensor Sum(LossRows rows, object? parameters) => Sum(rows);

    /// <summary>Sum over rows of logits and targets.</summary>
    internal static Tensor Sum(LossRows rows) =>
        nn.functional.cross_entropy(rows.StudentLogits!, rows.Targets!, ignore_index: LogitLosses.NoTarget, reduction: nn.Reduction.Sum);
}
