using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;

namespace WebDistill.Distillation.Training;

/// <summary>By what models are ranked on held-out data: a named figure that says which way is better, and among equal ones the mean loss, of which less is better.</summary>
/// <param name="Series">The figure, under whose name it is reported.</param>
/// <param name="Loss">The mean loss; one that is not finite ranks nowhere.</param>
public sealed record ValidationFigure(StepSeries Series, StepSeries Loss)
{
    /// <summary>That of models that predict tokens: the lowest perplexity.</summary>
    public static ValidationFigure OfPredictions { get; } = new(LoopSeries.ValidationPerplexity, LoopSeries.ValidationNatsPerToken);

    /// <summary>That of models that sort texts into classes: the highest accuracy.</summary>
    public static ValidationFigure OfClasses { get; } = new(LoopSeries.ValidationAccuracy, LoopSeries.ValidationNatsPerText);
}

/// <summary>What was measured of a model on held-out data.</summary>
/// <param name="Figure">What it is ranked by.</param>
/// <param name="Values">Every number, under the name of its series.</param>
public sealed record ValidationScore(ValidationFigure Figure, IReadOnlyDictionary<string, double> Values) : IComparable<ValidationScore>
{
    /// <summary>The perplexity; null where it is none that was measured.</summary>
    public Perplexity? Perplexity => Figure == ValidationFigure.OfPredictions ? new Perplexity(Value, NatsOnAverage) : null;

    /// <summary>The figure.</summary>
    public double Value => Values[Figure.Series.Name];

    /// <summary>The mean loss: nats per token, or per text that is sorted.</summary>
    public double NatsOnAverage => Values[Figure.Loss.Name];

    /// <summary>Of a perplexity.</summary>
    public static ValidationScore Of(Perplexity perplexity) => new(ValidationFigure.OfPredictions, new Dictionary<string, double>
    {
        [LoopSeries.ValidationPerplexity.Name] = perplexity.Value, [LoopSeries.ValidationNatsPerToken.Name] = perplexity.NatsPerToken,
    });

    /// <summary>Of what was told of labelled examples.</summary>
    public static ValidationScore Of(ClassEvaluation told) => new(ValidationFigure.OfClasses, new Dictionary<string, double>
    {
        [LoopSeries.ValidationNatsPerText.Name] = told.NatsPerText, [LoopSeries.ValidationAccuracy.Name] = ClassMetrics.Get("accuracy").Of(told.Counted),
        [LoopSeries.ValidationMacroF1.Name] = ClassMetrics.Get("f1-macro").Of(told.Counted), [LoopSeries.ValidationMatthews.Name] = ClassMetrics.Get("matthews").Of(told.Counted),
    });

    /// <summary>As it was stored: a perplexity in numbers of its own, what was told of classes under its names. Null when nothing was measured.</summary>
    public static ValidationScore? Stored(Perplexity? perplexity, IReadOnlyDictionary<string, double>? ofClasses) =>
        perplexity is Perplexity stored ? Of(stored) : ofClasses is null ? null : new ValidationScore(ValidationFigure.OfClasses, ofClasses);

    /// <summary>The numbers that are stored under their names; null for a perplexity, which has numbers of its own.</summary>
    internal IReadOnlyDictionary<string, double>? ToStore() => Perplexity is null ? Values : null;

    /// <summary>The better one first, what is not a number last.</summary>
    public int CompareTo(ValidationScore? other)
    {
        if (other is null)
            return -1;
        int byFigure = Figure.Series.HigherIsBetter == true && double.IsFinite(Value) && double.IsFinite(other.Value)
            ? other.Value.CompareTo(Value) : NotFinite.NaNLast.Compare(Value, other.Value);
        // A perplexity says all that its loss does, unless it is beyond the largest number.
        bool isDecided = byFigure != 0 || Figure.Series.ExponentialOf is not null && double.IsFinite(Value);
        return isDecided ? byFigure : NotFinite.NaNLast.Compare(NatsOnAverage, other.NatsOnAverage);
    }

    /// <summary>For a log: "12.34", and "0.9250 (macro F1 0.9100, Matthews 0.8500, loss 0.2310 nats/text)".</summary>
    public override string ToString() => Perplexity is Perplexity perplexity ? perplexity.ToString() : FormattableString.Invariant(
        $"{Value:0.0000} (macro F1 {Values[LoopSeries.ValidationMacroF1.Name]:0.0000}, Matthews {Values[LoopSeries.ValidationMatthews.Name]:0.0000}, loss {NatsOnAverage:0.0000} nats/text)");

    /// <inheritdoc/>
    public bool Equals(ValidationScore? other) => other is not null && Figure == other.Figure && Values.Count == other.Values.Count
        && Values.All(pair => other.Values.TryGetValue(pair.Key, out double value) && value.Equals(pair.Value));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Figure, Value, NatsOnAverage);
}
