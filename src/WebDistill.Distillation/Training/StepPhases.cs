namespace WebDistill.Distillation.Training;

/// <summary>
/// Seconds of one update by phase, summed over its micro-batches. On a GPU they are the times at which work was handed over, not those at
/// which it was done.
/// </summary>
/// <param name="TeacherForwardSeconds">The teacher's hidden states.</param>
/// <param name="StudentForwardSeconds">The student's hidden states.</param>
/// <param name="HeadAndLossesSeconds">Both output projections, the losses and their gradient at the hidden states and the embedding.</param>
/// <param name="BackwardSeconds">From the hidden states' gradient to every parameter's.</param>
/// <param name="OptimiserSeconds">Clearing, clipping and applying the gradient.</param>
public readonly record struct StepPhases(double TeacherForwardSeconds, double StudentForwardSeconds, double HeadAndLossesSeconds,
    double BackwardSeconds, double OptimiserSeconds);
