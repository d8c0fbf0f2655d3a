using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>
/// How the learning rate goes on after its warm-up, which is the same for all: a factor of the peak for each update. The factor is a function of the
/// update's number and of the plan alone, so that a run which goes on from a checkpoint needs no state of it.
/// </summary>
/// <remarks>P updates planned, W of them warm-up; update k counts from 0 and moves the weights at its factor.</remarks>
public abstract class RateSchedule
{
    /// <summary>Name that <see cref="ScheduleOptions.Shape"/> refers to.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence for people.</summary>
    public abstract string Description { get; }

    /// <summary>The factor as it is written in the literature, for k ≥ W.</summary>
    public abstract string Formula { get; }

    /// <summary>Factor of the peak rate, 0 to 1, for an update after the warm-up.</summary>
    /// <param name="update">k: W ≤ k &lt; P.</param>
    /// <param name="warmup">W.</param>
    /// <param name="planned">P.</param>
    public abstract double Factor(int update, int warmup, int planned, ScheduleOptions options);
}
