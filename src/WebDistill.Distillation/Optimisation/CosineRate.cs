using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>Half a wave of the cosine: falls slowly, then fast, then slowly to 0 behind the last update.</summary>
/// <remarks>Loshchilov and Hutter 2017 (SGDR) without restarts; <c>get_cosine_schedule_with_warmup</c> of transformers with half a cycle.</remarks>
public sealed class CosineRate : RateSchedule
{
    /// <inheritdoc/>
    public override string Name => "cosine";

    /// <inheritdoc/>
    public override string Description => "Falls along half a wave of the cosine to 0: slowly at first and at the end.";

    /// <inheritdoc/>
    public override string Formula => "(1 + cos(π (k − W) / (P − W))) / 2";

    /// <inheritdoc/>
    public override double Factor(int update, int warmup, int planned, ScheduleOptions options) =>
        Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (update - warmup) / Math.Max(1, planned - warmup))));
}
