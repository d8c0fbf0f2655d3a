using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>The catalogue of what the loop reports. To add a number: one entry here, and its value in the report that the loop makes.</summary>
public static class LoopSeries
{
    /// <summary>The weighted sum that is minimised. It stands in a report, and in a row, beside the values.</summary>
    public static StepSeries TotalLoss { get; } = new()
    {
        Name = "totalLoss", Title = "Total loss", Label = "Total", Unit = "weighted sum", Chart = StepSeries.LossChart, Colour = 0, Format = SeriesFormat.Loss,
        IsSmoothed = true, CanBeLogarithmic = true,
    };

    /// <summary>Perplexity of the student on the held-out split; of one that fills masked words over the tokens that are hidden from it.</summary>
    public static StepSeries ValidationPerplexity { get; } = new()
    {
        Name = "validationPerplexity", Title = "Validation perplexity", Label = "Perplexity", Chart = "perplexity", Cadence = SeriesCadence.Measured,
        Colour = 9, Format = SeriesFormat.Perplexity, ExponentialOf = "validationNatsPerToken", CanBeLogarithmic = true, HigherIsBetter = false,
    };

    /// <summary>The mean loss that <see cref="ValidationPerplexity"/> is the exponential of.</summary>
    public static StepSeries ValidationNatsPerToken { get; } = new()
    {
        Name = "validationNatsPerToken", Title = "Validation loss", Unit = "nats/token", Cadence = SeriesCadence.Measured, Format = SeriesFormat.Loss, HigherIsBetter = false,
    };

    /// <summary>Share of the held-out texts whose class a student tells that sorts texts: the figure by which such students are ranked.</summary>
    public static StepSeries ValidationAccuracy { get; } = OfClasses("validationAccuracy", "Validation accuracy", "Accuracy", "share of the texts", 9);

    /// <summary>Mean over the classes of their F1 on the held-out texts.</summary>
    public static StepSeries ValidationMacroF1 { get; } = OfClasses("validationMacroF1", "Validation macro F1", "Macro F1", "0 to 1", 6);

    /// <summary>Correlation of what the held-out texts are with what is told of them.</summary>
    public static StepSeries ValidationMatthews { get; } = OfClasses("validationMatthews", "Validation Matthews correlation", "Matthews", "-1 to 1", 3);

    /// <summary>Mean cross-entropy of the held-out texts' classes.</summary>
    public static StepSeries ValidationNatsPerText { get; } = new()
    {
        Name = "validationNatsPerText", Title = "Validation cross-entropy", Unit = "nats/text", Chart = "validationCrossEntropy", Cadence = SeriesCadence.Measured, Colour = 9,
        Format = SeriesFormat.Loss, CanBeLogarithmic = true, HigherIsBetter = false,
    };

    /// <summary>What is measured on held-out data of a student with that head; the first one ranks students.</summary>
    public static IReadOnlyList<StepSeries> Measured(ModelHead head) => head switch
    {
        ModelHead.MaskedToken => [ValidationPerplexity with { Title = "Masked perplexity", Label = null }, ValidationNatsPerToken with { Title = "Masked validation loss" }],
        ModelHead.Classes => [ValidationAccuracy, ValidationMacroF1, ValidationMatthews, ValidationNatsPerText],
        _ => [ValidationPerplexity, ValidationNatsPerToken],
    };

    /// <summary>Which way a series is better that early stopping may look at; a loss is better the lower it is.</summary>
    internal static bool IsHigherBetter(string name) =>
        Measured(ModelHead.NextToken).Concat(Measured(ModelHead.Classes)).FirstOrDefault(series => series.Name == name)?.HigherIsBetter == true;

    private static StepSeries OfClasses(string name, string title, string label, string unit, int colour) => new()
    {
        Name = name, Title = title, Label = label, Unit = unit, Chart = "classFigures", Cadence = SeriesCadence.Measured, Colour = colour, Format = SeriesFormat.Significant, HigherIsBetter = true,
    };

    /// <summary>Perplexity of the teacher on the held-out split.</summary>
    public static StepSeries TeacherPerplexity { get; } = new()
    {
        Name = "teacherPerplexity", Title = "Teacher", Chart = "perplexity", Cadence = SeriesCadence.Once, Format = SeriesFormat.Perplexity,
        ExponentialOf = "teacherNatsPerToken", CanBeLogarithmic = true,
    };

    /// <summary>The mean loss that <see cref="TeacherPerplexity"/> is the exponential of.</summary>
    public static StepSeries TeacherNatsPerToken { get; } = new()
    {
        Name = "teacherNatsPerToken", Title = "Teacher's loss", Unit = "nats/token", Cadence = SeriesCadence.Once, Format = SeriesFormat.Loss,
    };

    /// <summary>Accuracy of the teacher on the held-out texts.</summary>
    public static StepSeries TeacherAccuracy { get; } = ValidationAccuracy with
    {
        Name = "teacherAccuracy", Title = "Teacher's accuracy", Label = null, Cadence = SeriesCadence.Once, Colour = 0, HigherIsBetter = null,
    };

    /// <summary>What a chart shows of a teacher, with the numbers.</summary>
    public static IReadOnlyList<(StepSeries Series, double Value)> OfTeacher(ValidationScore score) => score.Perplexity is Perplexity perplexity
        ? [(TeacherPerplexity, perplexity.Value), (TeacherNatsPerToken, perplexity.NatsPerToken)] : [(TeacherAccuracy, score.Value)];

    /// <summary>Learning rate that the update was made with.</summary>
    public static StepSeries LearningRate { get; } = new()
    {
        Name = "learningRate", Title = "Learning rate", Chart = "rate", Colour = 5, Format = SeriesFormat.Scientific,
    };

    /// <summary>T that the update's distributions were softened with, where it changes over the run.</summary>
    public static StepSeries Temperature { get; } = new()
    {
        Name = "temperature", Title = "Temperature", Unit = "T", Chart = "temperature", Colour = 1, Format = SeriesFormat.Significant,
    };

    /// <summary>Global gradient norm.</summary>
    public static StepSeries GradientNorm { get; } = new()
    {
        Name = "gradientNorm", Title = "Gradient norm", Unit = "before clipping", Chart = "gradient", Colour = 6, Format = SeriesFormat.Significant,
        IsSmoothed = true, CanBeLogarithmic = true,
    };

    /// <summary>Tokens of the update divided by its duration.</summary>
    public static StepSeries TokensPerSecond { get; } = new()
    {
        Name = "tokensPerSecond", Title = "Throughput", Unit = "tokens/s", Chart = "speed", Colour = 8, Format = SeriesFormat.Compact, IsSmoothed = true,
    };

    /// <summary>Resident memory of the process after the update, in bytes.</summary>
    public static StepSeries MemoryBytes { get; } = new()
    {
        Name = "memoryBytes", Title = "Memory", Unit = "MB, resident", Chart = "memory", Colour = 7, Format = SeriesFormat.Whole, Factor = 1e-6,
        IsExact = true, IsCompared = false,
    };

    /// <summary>Duration of the update, validation and checkpoints excluded: its sum is the time axis of the charts.</summary>
    public static StepSeries StepSeconds { get; } = new()
    {
        Name = "stepSeconds", Title = "Duration", Unit = "s", Format = SeriesFormat.Significant,
    };

    /// <summary>What a run with these options reports, in the order in which it is shown.</summary>
    public static IReadOnlyList<StepSeries> Of(RunOptions options, bool hasTeacher)
    {
        IReadOnlyList<Loss> losses = LossCatalogue.Active(options, hasTeacher);
        return Of(losses, options, losses.OfType<RowLoss>().Select(loss => loss.Predicts).FirstOrDefault(head => head is not null) ?? ModelHead.NextToken);
    }

    /// <summary>The same for losses that are not asked for by options alone.</summary>
    /// <param name="head">The student's, which says what the perplexity is one of.</param>
    internal static IReadOnlyList<StepSeries> Of(IReadOnlyList<Loss> losses, RunOptions options, ModelHead head) =>
    [
        TotalLoss, .. losses.Select(loss => Shown(loss, options, head)),
        .. losses.OfType<DistillationCrossEntropy>().Any(loss => ((DistillationCrossEntropy.Softening)loss.ParametersIn(options)!).Changes) ? [Temperature] : Array.Empty<StepSeries>(),
        .. TeacherSeries.Of(options.Teacher),
        .. Measured(head), .. head == ModelHead.Classes ? new[] { TeacherAccuracy } : [TeacherPerplexity, TeacherNatsPerToken],
        .. LearnedCatalogue.Active(options).SelectMany(method => method.Series),
        LearningRate, GradientNorm, TokensPerSecond, MemoryBytes, StepSeconds,
    ];

    // Where whole texts are the rows, the mean over rows is one over texts.
    private static StepSeries Shown(Loss loss, RunOptions options, ModelHead head)
    {
        StepSeries series = loss.Series(options);
        return head == ModelHead.Classes && loss is RowLoss ? series with { Unit = series.Unit.Replace("/token", "/text", StringComparison.Ordinal) } : series;
    }
}
