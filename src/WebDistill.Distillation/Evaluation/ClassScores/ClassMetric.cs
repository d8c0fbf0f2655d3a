namespace WebDistill.Distillation.Evaluation.ClassScores;

/// <summary>A figure of how well texts are sorted into classes.</summary>
public sealed record ClassMetric
{
    private readonly Func<ConfusionMatrix, double> _value;

    internal ClassMetric(string name, string title, string formula, string what, string source, double lowest, double highest, Func<ConfusionMatrix, double> value)
    {
        (Name, Title, Formula, What, Source, Lowest, Highest) = (name, title, formula, what, source, lowest, highest);
        _value = value;
    }

    /// <summary>The name in options and stored figures.</summary>
    public string Name { get; }

    /// <summary>For people.</summary>
    public string Title { get; }

    /// <summary>n(i, j): texts of class i for which j was told; N: all.</summary>
    public string Formula { get; }

    /// <summary>What it says, and when it is the right one.</summary>
    public string What { get; }

    /// <summary>Where it comes from.</summary>
    public string Source { get; }

    /// <summary>The worst that it can be.</summary>
    public double Lowest { get; }

    /// <summary>The best that it can be.</summary>
    public double Highest { get; }

    /// <summary>Whether a higher one is better, as of all that are here.</summary>
    public bool HigherIsBetter => true;

    /// <summary>Whether it is of two classes alone, of which the second is the one that is looked for.</summary>
    public bool NeedsTwoClasses { get; init; }

    /// <summary>Why it does not exist for so many classes, with what was expected and the fix; null where it does.</summary>
    public string? Problem(int classes) => NeedsTwoClasses && classes != 2
        ? $"{Title} is a figure of 2 classes, and there are {classes}; expected 2. Choose macro, micro or weighted F1."
        : null;

    /// <summary>The figure.</summary>
    /// <exception cref="ArgumentException">Nothing was counted, or it does not exist for so many classes.</exception>
    public double Of(ConfusionMatrix counted)
    {
        if (Problem(counted.Classes) is string problem)
            throw new ArgumentException(problem, nameof(counted));
        if (counted.Total == 0)
            throw new ArgumentException($"{Title} of no text; expected at least one. Choose a held-out part that has some.", nameof(counted));
        return _value(counted);
    }
}
