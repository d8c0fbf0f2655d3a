using TorchSharp;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>Angle between the last hidden states: 1 − ⟨s, t⟩ / √((|s|² + ε)(|t|² + ε)), ε = 1e-12.</summary>
/// <remarks>
/// As PyTorch's cosine_embedding_loss with target 1, taken after the final layer norm, where Hugging Face's distillation project takes it.
/// </remarks>
public sealed class HiddenCosine : RowLoss
{
    internal const double Epsilon = 1e-12;

    /// <inheritdoc/>
    public override string Name => "cos";

    /// <inheritdoc/>
    public override string Title => "Cosine distance of the hidden states";

    /// <inheritdoc/>
    public override string Label => "Cosine";

    /// <inheritdoc/>
    public override string Formula => "1 − cos(student's, teacher's last hidden state), mean over tokens";

    /// <inheritdoc/>
    public override string What => "Turns the student's last hidden states into the directions of the teacher's. A help beside a loss on the logits, for a student of the teacher's width.";

    /// <inheritdoc/>
    public override string Source => "Sanh et al. 2019 (DistilBERT)";

    /// <inheritdoc/>
    public override string Unit => "1 − cosine";

    /// <inheritdoc/>
    public override string? UsualWeight => "1 (Sanh et al. 2019).";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentHidden | LossInputs.TeacherHidden;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override torch.Tensor Sum(LossRows rows, object? parameters)
    {
        torch.Tensor student = rows.StudentHidden!, teacher = rows.TeacherHidden!;
        torch.Tensor product = (student * teacher).sum(-1L);
        torch.Tensor norms = ((student * student).sum(-1L) + Epsilon) * ((teacher * teacher).sum(-1L) + Epsilon);
        return (1 - product * norms.rsqrt()).sum();
    }
}
