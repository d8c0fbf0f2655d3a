using System.Text.Json.Serialization;
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
    /// <summary>What it is computed with.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Softening
    {
        /// <summary>Softmax temperature T.</summary>
        [Option("Temperature",
            "Divides the logits before the softmax of the distillation cross-entropy: higher shows the student more of the teacher's unlikely tokens.",
            Usual = "1 to 20; smaller students want lower (Hinton et al. 2015). 2 is usual.", Unit = "T", Minimum = 0.01, Maximum = 1000,
            Advice = "2 is usual; 1 does not soften", SliderMinimum = 0.5, SliderMaximum = 20, SliderStep = 0.1)]
        public double Temperature { get; init; } = 2.0;
    }

    /// <inheritdoc/>
    public override string Name => "ce";

    /// <inheritdoc/>
    public override object? Parameters => new Softening();

    /// <inheritdoc/>
    public override string Title => "Distillation cross-entropy";

    /// <inheritdoc/>
    public override string Label => "Distillation CE";

    /// <inheritdoc/>
    public override string Formula => "T² · KL(softmax(teacher/T) ‖ softmax(student/T)), mean over tokens";

    /// <inheritdoc/>
    public override string Unit => "nats/token";

    /// <inheritdoc/>
    public override string? UsualWeight => "5 (Sanh et al. 2019).";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override Tensor Sum(LossRows rows, object? parameters)
    {
        double temperature = ((Softening)parameters!).Temperature;
        Tensor teacher = nn.functional.log_softmax(rows.TeacherLogits! * (1 / temperature), dim: -1);
        Tensor student = nn.functional.log_softmax(rows.StudentLogits! * (1 / temperature), dim: -1);
        return (teacher.exp() * (teacher - student)).sum() * (temperature * temperature);
    }
}
