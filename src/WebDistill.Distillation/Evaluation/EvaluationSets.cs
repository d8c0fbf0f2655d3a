namespace WebDistill.Distillation.Evaluation;

/// <summary>The catalogue of evaluations. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class EvaluationSets
{
    /// <summary>Every set, in the order in which reports show them.</summary>
    public static IReadOnlyList<EvaluationSet> All { get; } =
    [
        new WikiText103(),
        new WikiText2(),
        new PennTreebank(),
        new Enwik8(),
        new Lambada(),
        new CommonGen(),
        new PlainText(),
        new Fidelity(),
        new SizeAndSpeed(),
    ];

    /// <summary>The set of that name.</summary>
    /// <exception cref="ArgumentException">There is none; lists those that there are.</exception>
    public static EvaluationSet Get(string name) => All.FirstOrDefault(set => set.Name == name)
        ?? throw new ArgumentException($"There is no evaluation set '{name}', expected one of: "
            + $"{string.Join(", ", All.Select(set => set.Name))}.");
}
