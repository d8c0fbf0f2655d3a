using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Transforms.Learned;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Sweeps;

/// <summary>The number by which the runs of a sweep are compared.</summary>
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

    /// <summary>Over labelled examples, the student's accuracy on the held-out ones after the last update; the only one, with the next, of which more is better.</summary>
    FinalValidationAccuracy,

    /// <summary>Over labelled examples, the highest accuracy on the held-out ones that was measured during the run.</summary>
    BestValidationAccuracy,
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
        SweepMetric.FinalValidationAccuracy => "Final validation accuracy",
        SweepMetric.BestValidationAccuracy => "Best validation accuracy",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };

    /// <summary>Its name among <see cref="Compare.RunVerdict.Measures"/>.</summary>
    public static string Measure(this SweepMetric metric) => metric switch
    {
        SweepMetric.FinalValidationPerplexity or SweepMetric.FinalValidationAccuracy => "latest",
        SweepMetric.BestValidationPerplexity or SweepMetric.BestValidationAccuracy => "best",
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
        SweepMetric.FinalValidationAccuracy => "Over labelled examples: the share of the held-out texts whose class the student tells after the last update. Higher is better.",
        SweepMetric.BestValidationAccuracy => "Over labelled examples: the highest share of the held-out texts whose class the student told during the run. Higher is better. It is a maximum over several "
            + "measurements, so a run that measures more often has an advantage.",
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, null),
    };

    /// <summary>A value as pages write it; beside a perplexity that is not finite its mean loss, where it is given.</summary>
    public static string Write(this SweepMetric metric, double value, double? natsPerToken = null) => metric switch
    {
        SweepMetric.GapToTeacher => Figures.Percent(value),
        SweepMetric.TotalLoss => Figures.Loss(value),
        SweepMetric.FinalValidationAccuracy or SweepMetric.BestValidationAccuracy => Figures.Accuracy(value),
        _ when natsPerToken is double nats => Figures.Perplexity(new Perplexity(value, nats)),
        _ => Figures.Perplexity(value),
    };

    /// <summary>Whether it is one of runs over labelled examples, of which more is better.</summary>
    public static bool IsOfClasses(this SweepMetric metric) => metric is SweepMetric.FinalValidationAccuracy or SweepMetric.BestValidationAccuracy;

    /// <summary>Whether it is the best figure of the run, whenever that was measured.</summary>
    public static bool IsBestOfRun(this SweepMetric metric) => metric is SweepMetric.BestValidationPerplexity or SweepMetric.BestValidationAccuracy;

    /// <summary>A value of which less is better.</summary>
    public static double Cost(this SweepMetric metric, double value) => metric.IsOfClasses() ? -value : value;

    /// <summary>Why a run cannot be compared by it, with what it can be compared by; null when it can.</summary>
    internal static string? Problem(this SweepMetric metric, PlannedRun run)
    {
        if (metric == SweepMetric.TotalLoss)
            return null;
        if (!run.IsMeasured)
            return $"The metric is '{metric.Title()}', and the data set holds nothing out to measure it on. Choose a data set with a held-out part, or {nameof(SweepMetric.TotalLoss)}.";
        if (metric.IsOfClasses() != run.LearnsClasses)
            return run.LearnsClasses ? $"The metric is '{metric.Title()}', and the runs are over labelled examples, of which an accuracy is measured. Choose {nameof(SweepMetric.FinalValidationAccuracy)}, "
                    + $"{nameof(SweepMetric.BestValidationAccuracy)} or {nameof(SweepMetric.TotalLoss)}."
                : $"The metric is '{metric.Title()}', which runs over labelled examples alone have, and these are over a text. Choose {nameof(SweepMetric.FinalValidationPerplexity)}, "
                    + $"{nameof(SweepMetric.BestValidationPerplexity)}, {nameof(SweepMetric.GapToTeacher)} or {nameof(SweepMetric.TotalLoss)}.";
        return metric.IsBestOfRun() && LearnedCatalogue.Active(run.Options).FirstOrDefault(method => method.Grows) is LearnedCompression method
            ? $"The metric is '{metric.Title()}', and the students are compressed more and more ({method.Title}): the best figure of a run may be one of a student that hardly was. Choose "
                + $"{(run.LearnsClasses ? nameof(SweepMetric.FinalValidationAccuracy) : nameof(SweepMetric.FinalValidationPerplexity))}." : null;
    }

    /// <summary>Half an interval as pages write it: "± 0.12".</summary>
    public static string WriteHalfWidth(this SweepMetric metric, double halfWidth) => "±\u00a0" + (metric switch
    {
        SweepMetric.GapToTeacher => Figures.Unsigned(halfWidth),
        SweepMetric.TotalLoss => Figures.Loss(halfWidth),
        SweepMetric.FinalValidationAccuracy or SweepMetric.BestValidationAccuracy => Figures.UnsignedPoints(halfWidth),
        _ => Figures.Perplexity(halfWidth),
    });
}
