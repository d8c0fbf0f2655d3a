namespace WebDistill.Distillation.Evaluation.ClassScores;

/// <summary>How often each class was told for each: n(i, j) is the number of texts of class i for which class j was told.</summary>
/// <param name="classes">K: number of classes, at least 2.</param>
public sealed class ConfusionMatrix(int classes)
{
    private readonly long[] _counts = classes >= 2 ? new long[checked(classes * classes)]
        : throw new ArgumentOutOfRangeException(nameof(classes), classes, $"{classes} classes; expected at least 2.");

    /// <summary>K.</summary>
    public int Classes { get; } = classes;

    /// <summary>N: texts counted.</summary>
    public long Total { get; private set; }

    /// <summary>Texts for which the right class was told: Σᵢ n(i, i).</summary>
    public long Correct => Enumerable.Range(0, Classes).Sum(each => this[each, each]);

    /// <summary>Texts of a class for which another, or the same, was told.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public long this[int actual, int told] => _counts[Place(actual, told)];

    /// <summary>Counts a text.</summary>
    /// <param name="actual">Its class.</param>
    /// <param name="told">The class that was told.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public void Add(int actual, int told)
    {
        _counts[Place(actual, told)]++;
        Total++;
    }

    /// <summary>Texts of a class: Σⱼ n(i, j).</summary>
    public long Support(int actual) => Enumerable.Range(0, Classes).Sum(told => this[actual, told]);

    /// <summary>Texts for which a class was told: Σᵢ n(i, j).</summary>
    public long Told(int told) => Enumerable.Range(0, Classes).Sum(actual => this[actual, told]);

    /// <summary>
    /// What a class is worth alone: precision n(i, i) / told, recall n(i, i) / support, F1 their harmonic mean 2·n(i, i) / (support + told). What has 0 below the line is 0, as scikit-learn has
    /// it with zero_division=0.
    /// </summary>
    public ClassFigures Figures(int one)
    {
        long right = this[one, one], support = Support(one), told = Told(one);
        return new ClassFigures(Ratio(right, told), Ratio(right, support), Ratio(2 * right, support + told), support, told);
    }

    /// <summary>The same of all, in order.</summary>
    public IReadOnlyList<ClassFigures> FiguresOfAll() => [.. Enumerable.Range(0, Classes).Select(Figures)];

    internal static double Ratio(double above, double below) => below == 0 ? 0 : above / below;

    private int Place(int actual, int told)
    {
        foreach (int one in (ReadOnlySpan<int>)[actual, told])
            if (one < 0 || one >= Classes)
                throw new ArgumentOutOfRangeException(nameof(actual), one, $"Class {one}; expected 0 to {Classes - 1}.");
        return actual * Classes + told;
    }
}

/// <summary>What a class is worth alone; each from 0 to 1, higher is better.</summary>
/// <param name="Precision">Share of the texts for which it was told that are of it.</param>
/// <param name="Recall">Share of its texts for which it was told.</param>
/// <param name="F1">The harmonic mean of both.</param>
/// <param name="Support">Its texts.</param>
/// <param name="Told">Texts for which it was told.</param>
public sealed record ClassFigures(double Precision, double Recall, double F1, long Support, long Told);
