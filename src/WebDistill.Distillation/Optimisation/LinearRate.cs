using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>Falls in a straight line, to 0 behind the last update.</summary>
/// <remarks>That of Hugging Face's distillation project (<c>get_linear_schedule_with_warmup</c>), and of BERT (Devlin et al. 2019).</remarks>
public sealed class LinearRate : RateSchedule
{
    /// <summary>As options spell it.</summary>
    public const string ScheduleName = "linear";

    /// <inheritdoc/>
    public override string Name => ScheduleName;

    /// <inheritdoc/>
    public override string Description => "Falls in a straight line to 0.";

    /// <inheritdoc/>
    public override string Formula => "(P − k) / (P − W)";

    /// <inheritdoc/>
    public override double Factor(int update, int warmup, int planned, ScheduleOptions options) =>
        Math.Max(0, (planned - update) / (double)Math.Max(1, planned - warmup));
}
