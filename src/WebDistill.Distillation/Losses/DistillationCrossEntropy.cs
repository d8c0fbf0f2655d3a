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
/// perfect student reaches 0. Gradient with respect to a student logit: T (q_v − p_v). For T → ∞ it is <see cref="CentredLogits"/>.
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

        /// <summary>How T goes on after the first update.</summary>
        [Option("Temperature schedule", "Constant keeps the temperature; Linear goes in a straight line from it to the last temperature, which the last update has.",
            Usual = "Constant (Hinton et al. 2015). Linear from a high one to 1 begins with the teacher's whole ranking and ends with its probabilities.")]
        public TemperatureSchedule TemperatureSchedule { get; init; }

        /// <summary>T of the last update, where the schedule is not constant.</summary>
        [Option("Last temperature", "Temperature of the run's last update, for a schedule that is not constant.", Usual = "1, at which the student is used.", Unit = "T", Minimum = 0.01,
            Maximum = 1000, Advice = "1 does not soften")]
        public double LastTemperature { get; init; } = 1.0;

        /// <summary>Whether T is another one from update to update.</summary>
        [JsonIgnore]
        public bool Changes => TemperatureSchedule == TemperatureSchedule.Linear && LastTemperature != Temperature;

        /// <summary>With the temperature of an update: T₁ + (T₂ − T₁) (u − 1) / (U − 1).</summary>
        /// <param name="update">u, from 1.</param>
        /// <param name="updates">U.</param>
        public Softening At(int update, int updates) => !Changes || updates < 2 ? this
            : this with { Temperature = Temperature + (LastTemperature - Temperature) * (update - 1) / (updates - 1) };
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
    public override string What => "Learns how probable the teacher finds every token, softened so that the improbable ones are heard. The usual choice for any student of the teacher's vocabulary.";

    /// <inheritdoc/>
    public override string Source => "Hinton, Vinyals and Dean 2015";

    /// <inheritdoc/>
    public override string Unit => "nats/token";

    /// <inheritdoc/>
    public override string? UsualWeight => "5 (Sanh et al. 2019).";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <inheritdoc/>
    public override bool ComparesProbabilities => true;

    /// <summary>T of an update; 1 where nothing is softened.</summary>
    /// <param name="losses">What is minimised.</param>
    /// <param name="update">From 1.</param>
    internal static double Temperature(IEnumerable<Loss> losses, RunOptions options, int update, int updates) =>
        losses.OfType<DistillationCrossEntropy>().Select(loss => ((Softening)loss.ParametersIn(options)!).At(update, updates).Temperature).FirstOrDefault(1);

    /// <inheritdoc/>
    internal override object? ParametersAt(object? parameters, int update, int updates) => ((Softening)parameters!).At(update, updates);

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
