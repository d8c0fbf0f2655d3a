using WebDistill.Distillation.Losses;

namespace WebDistill.Distillation.Engine;

/// <summary>Output projection and losses of this engine: libtorch's operators, in chunks of rows.</summary>
internal static class ProjectionHead
{
    /// <summary>Whether the sum of this loss comes from a fused kernel.</summary>
    public static bool IsFused(DistillationLoss loss) => false;

    /// <summary>Sums every term over all rows and, if asked, adds the gradients.</summary>
    public static LossHeadResult Run(LossHeadInput input, IReadOnlyList<LossTerm> terms, bool gradients) =>
        LossHead.Compose(input, terms, gradients);
}
