using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>What the tokens of an update offer to its losses.</summary>
/// <param name="Rows">Tokens that are not padding.</param>
/// <param name="Targets">Tokens that another one follows in their sequence.</param>
public readonly record struct LossCounts(long Rows, long Targets)
{
    /// <summary>Counts of two batches together.</summary>
    public static LossCounts operator +(LossCounts left, LossCounts right) => new(left.Rows + right.Rows, left.Targets + right.Targets);
}

/// <summary>One term of the objective: weight · (sum) / divisor.</summary>
/// <remarks>Of one of two kinds: <see cref="RowLoss"/> and <see cref="WholeLoss"/>.</remarks>
public abstract class Loss
{
    /// <summary>Short name, as used in messages and answers, and by which its means are recorded.</summary>
    public abstract string Name { get; }

    /// <summary>What it is called in the literature.</summary>
    public abstract string Title { get; }

    /// <summary>The same in a legend.</summary>
    public abstract string Label { get; }

    /// <summary>Formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>Unit of its mean.</summary>
    public abstract string Unit { get; }

    /// <summary>What it asks the teacher for; <see cref="Wants.None"/> needs no teacher.</summary>
    public abstract Wants OfTeacher { get; }

    /// <summary>Whether it compares the student with a teacher.</summary>
    public bool NeedsTeacher => OfTeacher != Wants.None;

    /// <summary>Its weight in the objective.</summary>
    public abstract double Weight(RunOptions options);

    /// <summary>What its sum is divided by to give the mean that is charted; 0 if there is nothing to average.</summary>
    public abstract double Divisor(LossCounts counts, RunOptions options, int vocabularySize);

    /// <summary>How its means are shown. Its colour is its place in the catalogue, so that a loss has the same one in every run.</summary>
    public StepSeries Series(RunOptions options) => new()
    {
        Name = Name, Title = Label, Unit = Unit, Chart = StepSeries.LossChart, Colour = 1 + LossCatalogue.Place(this), Format = SeriesFormat.Loss,
        Weight = Weight(options), IsSmoothed = true, CanBeLogarithmic = true,
    };
}
