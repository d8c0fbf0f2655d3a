namespace WebDistill.Distillation.Evaluation.ClassScores;

/// <summary>The catalogue of figures of classification. To add one: one line in <see cref="All"/>, with its formula below.</summary>
public static class ClassMetrics
{
    /// <summary>Every figure, in the order in which menus show them.</summary>
    public static IReadOnlyList<ClassMetric> All { get; } =
    [
        new("accuracy", "Accuracy", "Σ n(i, i) / N", "The share of texts whose class is told. Of classes that are very unlike in size the largest decides it.", "Manning, Raghavan and Schütze 2008, 8.3", 0, 1,
            counted => (double)counted.Correct / counted.Total),
        new("f1", "F1", "2·n(1, 1) / (n(1, ·) + n(·, 1))", "Precision and recall of the class that is looked for, the second of two, in one figure: their harmonic mean.", "van Rijsbergen 1979", 0, 1,
            counted => counted.Figures(1).F1) { NeedsTwoClasses = true },
        new("f1-macro", "Macro F1", "mean over the classes of F1", "Every class counts alike, however few texts it has.", "Yang and Liu 1999", 0, 1,
            counted => Occurring(counted).Average(figures => figures.F1)),
        new("f1-micro", "Micro F1", "2·Σ n(i, i) / (Σ n(i, ·) + Σ n(·, i))", "Every text counts alike. Where each text has one class and one is told, it is the accuracy.", "Yang and Liu 1999", 0, 1,
            counted => 2.0 * counted.Correct / (2.0 * counted.Total)),
        new("f1-weighted", "Weighted F1", "Σ n(i, ·)·F1(i) / N", "The mean of the classes' F1, each by its number of texts.", "scikit-learn, f1_score(average='weighted')", 0, 1,
            counted => counted.FiguresOfAll().Sum(figures => figures.Support * figures.F1) / counted.Total),
        new("matthews", "Matthews correlation", "(N·Σ n(i, i) − Σ t(i)·p(i)) / √((N² − Σ p(i)²)·(N² − Σ t(i)²)), t(i) = n(i, ·), p(i) = n(·, i)",
            "The correlation between what is and what is told: 0 by guessing, whatever the classes' sizes; 0 as well where one class alone is told. The usual figure of CoLA.", "Matthews 1975; Gorodkin 2004", -1, 1, Matthews),
    ];

    /// <summary>The figure of that name.</summary>
    /// <exception cref="ArgumentException">There is none; lists those that there are.</exception>
    public static ClassMetric Get(string name) => All.FirstOrDefault(metric => metric.Name == name)
        ?? throw new ArgumentException($"There is no figure '{name}' of classification, expected one of: {string.Join(", ", All.Select(metric => metric.Name))}.");

    /// <summary>Those that exist for so many classes.</summary>
    public static IReadOnlyList<ClassMetric> For(int classes) => [.. All.Where(metric => metric.Problem(classes) is null)];

    // As scikit-learn averages: a class that no text has and none is told has no figure.
    private static IEnumerable<ClassFigures> Occurring(ConfusionMatrix counted) => counted.FiguresOfAll().Where(figures => figures.Support + figures.Told > 0);

    private static double Matthews(ConfusionMatrix counted)
    {
        IReadOnlyList<ClassFigures> all = counted.FiguresOfAll();
        double total = counted.Total;
        double together = all.Sum(one => (double)one.Support * one.Told), told = all.Sum(one => (double)one.Told * one.Told), actual = all.Sum(one => (double)one.Support * one.Support);
        double above = counted.Correct * total - together;
        return ConfusionMatrix.Ratio(above, Math.Sqrt((total * total - told) * (total * total - actual)));
    }
}
