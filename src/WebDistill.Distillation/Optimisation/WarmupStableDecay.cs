using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>Stays at the peak, and falls in the last part of the run: at first fast, then ever more slowly, to 0 behind the last update.</summary>
/// <remarks>
/// D = ⌈<see cref="ScheduleOptions.DecayProportion"/> · P⌉ updates decay, those after the warm-up at most. Hu et al. 2024 (MiniCPM) for the three parts; the
/// decay by 1 − √ is that of Hägele et al. 2024, who find it to end better than a line and a fifth of the run to be as good as a cosine over all of it. What
/// comes before the decay does not depend on when the run ends: a checkpoint of the stable part is a good one to branch a longer run from.
/// </remarks>
public sealed class WarmupStableDecay : RateSchedule
{
    /// <summary>As options spell it.</summary>
    public const string ScheduleName = "warmup-stable-decay";

    /// <inheritdoc/>
    public override string Name => ScheduleName;

    /// <inheritdoc/>
    public override string Description => "Stays at the peak and falls to 0 in the last part of the run.";

    /// <inheritdoc/>
    public override string Formula => "1, and 1 − √((k − (P − D)) / D) in the last D updates";

    /// <inheritdoc/>
    public override double Factor(int update, int warmup, int planned, ScheduleOptions options)
    {
        int decay = Math.Min((int)Math.Ceiling(planned * options.DecayProportion), planned - warmup), first = planned - decay;
        return update < first ? 1 : Math.Max(0, 1 - Math.Sqrt((update - first) / (double)Math.Max(1, decay)));
    }
}
