using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>What of a run that can be made is probably not meant, whatever machine it is made on.</summary>
public static class RunWarnings
{
    /// <summary>Peak rates of AdamW outside of which transformers learn nothing or diverge.</summary>
    private const double LeastUsualRate = 1e-6, MostUsualRate = 1e-2;

    // Below it what is left has hardly learned to do without the rest.
    private const double LeastShareAfterPruning = 0.05;

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
        foreach ((string path, double sparsity, int begin, int? end) in new[]
        {
            (OptionPath.Of(options.Compression.Magnitude.EndUpdate), options.Compression.Magnitude.Sparsity, options.Compression.Magnitude.BeginUpdate, options.Compression.Magnitude.EndUpdate),
            (OptionPath.Of(options.Compression.Movement.EndUpdate), options.Compression.Movement.Sparsity, options.Compression.Movement.BeginUpdate, options.Compression.Movement.EndUpdate),
        })
        {
            int last = end ?? CubicSparsity.DefaultEnd(begin, plan.TotalUpdates), left = plan.TotalUpdates - last;
            if (sparsity > 0 && left < plan.TotalUpdates * LeastShareAfterPruning)
                warnings.Add(path, $"The last weights become 0 after update {last:N0} of {plan.TotalUpdates:N0}, and {left:N0} are left to train without them. A quarter of the run is usual.");
            else if (sparsity > 0 && last == begin)
                warnings.Add(path, $"All weights that are to be 0 become so at once, after update {last:N0}: first and last change are the same. Leave the last one blank to let them become more and more.");
        }
        return warnings.Found;
    }
}
