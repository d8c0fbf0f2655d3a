using WebDistill.Distillation.Evaluation;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Sweeps;

/// <summary>The number by which the runs of a sweep are compared; a lower one is better in each.</summary>
public enum SweepMetric
{
    /// <summary>The student's perplexity on the held-out split after the last update.</summary>
    FinalValidationPerplexity,

    /// <summary>The lowest perplexity on the held-out split that was measured during the run.</summary>
    BestValidationPerplexity,

    /// <summary>Final student perplexity / teacher perplexity - 1.</summary>
    GapToTeacher,

    /// <summary>Weighted loss of the last update.</summary>
    TotalLoss,
}

/// <summary>How the metrics are named and written.</summary>
public static class SweepMetrics
{
    /// <summary>The metric's name.</summary>
    public static string Title(this SweepMetric metric) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => "Final validation perplexity",
        SweepMetric.BestValidationPerplexity => "Best validation perplexity",
        SweepMetric.GapToTeacher => "Gap to the teacher",
        SweepMetric.TotalLoss => "Total loss",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };

    /// <summary>Its name among <see cref="Compare.RunVerdict.Measures"/>.</summary>
    public static string Measure(this SweepMetric metric) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => "latest",
        SweepMetric.BestValidationPerplexity => "lowest",
        SweepMetric.GapToTeacher => "gap",
        SweepMetric.TotalLoss => "loss",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };

    /// <summary>What the number is and what to beware of.</summary>
    public static string About(this SweepMetric metric) => metric switch
    {
        SweepMetric.FinalValidationPerplexity => "The student's perplexity on the held-out split after the last update. Lower is better.",
        SweepMetric.BestValidationPerplexity => "The lowest perplexity on the held-out split that was measured during the run. Lower is "
            + "better. It is a minimum over several measurements, so a run that measures more often has an advantage.",
        SweepMetric.GapToTeacher => "How much the student's final perplexity lies above the teacher's, in per cent. Lower is better.",
        SweepMetric.TotalLoss => "The weighted loss of the last update, from one batch. Lower is better. Runs with different loss weights "
            + "or temperatures have different losses: compare those by perplexity.",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };

    /// <summary>A value as pages write it; beside a perplexity that is not finite its mean loss, where it is given.</summary>
    public static string Write(this SweepMetric metric, double value, double? natsPerToken = null) => metric switch
    {
        SweepMetric.GapToTeacher => Figures.Percent(value),
        SweepMetric.TotalLoss => Figures.Loss(value),
        _ when natsPerToken is double nats => Figures.Perplexity(new Perplexity(value, nats)),
        _ => Figures.Perplexity(value),
    };

    /// <summary>Half an interval as pages write it: "± 0.12".</summary>
    public static string WriteHalfWidth(this SweepMetric metric, double halfWidth) => "±\u00a0" + (metric switch
    {
        SweepMetric.GapToTeacher => Figures.Unsigned(halfWidth),
        SweepMetric.TotalLoss => Figures.Loss(halfWidth),
        _ => Figures.Perplexity(halfWidth),
    });
}
