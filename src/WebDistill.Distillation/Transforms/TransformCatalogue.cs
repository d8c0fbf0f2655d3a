using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Transforms;

/// <summary>The catalogue of transforms. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class TransformCatalogue
{
    /// <summary>Every transform, in the order in which menus show them.</summary>
    public static IReadOnlyList<ModelTransform> All { get; } =
        [new LayerDropping(), new FeedForwardPruning(), new MagnitudePruning(), new LowRank(), new LayerSharing(), new WeightRounding()];

    /// <summary>The transform of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those that there are.</exception>
    public static ModelTransform Find(string name) => All.FirstOrDefault(transform => transform.Name == name)
        ?? throw new ArgumentException($"'{ForeignText.Quote(name)}' is no transform. Choose one of: {string.Join(", ", All.Select(transform => transform.Name))}.");
}
