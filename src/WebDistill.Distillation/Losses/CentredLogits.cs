using TorchSharp;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>Squared error of logits whose row means are taken out: 1/(2V) Σ_v ((s_v − s̄) − (t_v − t̄))².</summary>
/// <remarks>
/// Hinton, Vinyals and Dean 2015, section 2.1: what T² KL becomes for T → ∞. There p_v → 1/V + (t_v − t̄)/(VT), so that all of the ranking counts and nothing
/// of the distribution's sharpness. Gradient with respect to a student logit: ((s_v − s̄) − (t_v − t̄)) / V.
/// </remarks>
public sealed class CentredLogits : RowLoss
{
    /// <inheritdoc/>
    public override string Name => "centred";

    /// <inheritdoc/>
    public override string Title => "Matching of centred logits, the limit of high temperatures";

    /// <inheritdoc/>
    public override string Label => "Centred logits";

    /// <inheritdoc/>
    public override string Formula => "1/(2V) · Σ ((student − its mean) − (teacher − its mean))² over the vocabulary, mean over tokens: T² · KL for T → ∞";

    /// <inheritdoc/>
    public override string What => "What the distillation cross-entropy becomes as its temperature grows without bound: matches how the teacher ranks every token, whatever constant its logits have. "
        + "In its place, for a student with room for all of the teacher's ranking; a small one does better at a temperature of 2 to 4.";

    /// <inheritdoc/>
    public override string Source => "Hinton, Vinyals and Dean 2015, section 2.1";

    /// <inheritdoc/>
    public override string Unit => "squared logits";

    /// <inheritdoc/>
    public override string? UsualWeight => "0; as much as the distillation cross-entropy, in its place.";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override torch.Tensor Sum(LossRows rows, object? parameters)
    {
        torch.Tensor difference = rows.StudentLogits! - rows.TeacherLogits!;
        // The two means are taken out at once: that of the difference is their difference.
        torch.Tensor centred = difference - difference.mean([-1L], keepdim: true);
        return (centred * centred).sum() / (2.0 * difference.shape[^1]);
    }
}
