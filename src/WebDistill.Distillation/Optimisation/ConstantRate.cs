using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>Stays at the peak: what the learning rate does at an update depends on no plan, so that a run can be continued for as long as one likes.</summary>
/// <remarks><c>get_constant_schedule_with_warmup</c> of transformers.</remarks>
public sealed class ConstantRate : RateSchedule
{
    /// <inheritdoc/>
    public override string Name => "constant";

    /// <inheritdoc/>
    public override string Description => "Stays at the peak to the end.";

    /// <inheritdoc/>
    public override string Formula => "1";

    /// <inheritdoc/>
    public override double Factor(int update, int warmup, int planned, ScheduleOptions options) => 1;
}
