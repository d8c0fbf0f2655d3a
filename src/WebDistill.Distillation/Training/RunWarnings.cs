using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;

namespace WebDistill.Distillation.Training;

/// <summary>What of a run that can be made is probably not meant, whatever machine it is made on.</summary>
public static class RunWarnings
{
    /// <summary>Peak rates of AdamW outside of which transformers learn nothing or diverge.</summary>
    private const double LeastUsualRate = 1e-6, MostUsualRate = 1e-2;

    /// <summary>By field; empty when there is nothing to say.</summary>
    public static IReadOnlyList<OptionProblem> Of(RunOptions options, RunPlan plan)
    {
        var warnings = new OptionProblems();
        warnings.AddRange(StudentInits.Unused(options));
        double rate = options.Optimiser.LearningRate;
        if (rate is > MostUsualRate or < LeastUsualRate)
            warnings.Add(OptionPath.Of(options.Optimiser.LearningRate), FormattableString.Invariant($"A learning rate of {rate} is unusual: ")
                + (rate > MostUsualRate ? "training diverges at such steps more often than not. " : "at such steps hardly anything is learned. ")
                + "Usual values lie between 1e-5 and 1e-3.");
        if (plan.TotalUpdates > 1 && plan.WarmupUpdates >= plan.TotalUpdates)
            warnings.Add(OptionPath.Of(options.Schedule.WarmupProportion),
                $"The warm-up takes all {plan.TotalUpdates:N0} updates: the learning rate rises to the end and never falls. A share of 0.05 is usual.");
        if (options.Checkpoints is { IntervalSteps: 0, IntervalMinutes: 0 })
            warnings.Add(OptionPath.Of(options.Checkpoints.IntervalMinutes),
                "No checkpoint is saved on the way: a power cut costs the whole run. A few minutes cost next to nothing.");
        return warnings.Found;
    }
}
