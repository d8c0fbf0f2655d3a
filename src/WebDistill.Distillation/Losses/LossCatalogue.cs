using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>The catalogue of losses. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class LossCatalogue
{
    /// <summary>Every loss, in the order in which charts and messages show them.</summary>
    public static IReadOnlyList<Loss> All { get; } =
        [new DistillationCrossEntropy(), new CausalLanguageModel(), new LogitsSquaredError(), new HiddenCosine()];

    /// <summary>Where a loss stands in <see cref="All"/>; after the last one for one that does not.</summary>
    internal static int Place(Loss loss) => All.TakeWhile(other => other.Name != loss.Name).Count();

    /// <summary>The losses that a run minimises: weight above 0, and without a teacher only those that need none.</summary>
    public static IReadOnlyList<Loss> Active(RunOptions options, bool hasTeacher) =>
        [.. All.Where(loss => loss.Weight(options) > 0 && (hasTeacher || !loss.NeedsTeacher))];
}
