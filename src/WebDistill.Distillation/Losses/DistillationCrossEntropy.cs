using TorchSharp;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>
/// Forward KL divergence of the softened distributions: T² Σ_v p_v (ln p_v − ln q_v), p = softmax(teacher/T), q = softmax(student/T).
/// </summary>
/// <remarks>
/// Hinton, Vinyals and Dean 2015; the factor T² keeps the gradient's size when T changes. The teacher's entropy is included, so that a
/// perfect student reaches 0. Gradient with respect to a student logit: T (q_v − p_v).
/// </remarks>
public sealed class DistillationCrossEntropy : RowLoss
{
    /// <inheritdoc/>
    public override string Name => "ce";

    /// <inheritdoc/>
    public override string Title => "Distillation cross-entropy";

    /// <inheritdoc/>
    public override string Label => "Distillation CE";

    /// <inheritdoc/>
    public override string Formula => "T² · KL(softmax(teacher/T) ‖ softmax(student/T)), mean over tokens";

    /// <inheritdoc/>
    public override string Unit => "nats/token";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override double Weight(RunOptions options) => options.AlphaCe;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, RunOptions options, int vocabularySize) => counts.Rows;

    internal override Tensor Sum(LossRows rows, double temperature)
    {
        Tensor teacher = nn.functional.log_softmax(rows.TeacherLogits! * (1 / temperature), dim: -1);
        Tensor student = nn.functional.log_softmax(rows.StudentLogits! * (1 / temperature), dim: -1);
        return (teacher.exp() * (teacher - student)).sum() * (temperature * temperature);
    }
}
