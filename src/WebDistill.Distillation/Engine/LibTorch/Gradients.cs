using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Engine;

/// <summary>What happens to the gradients between backward and update.</summary>
internal static class Gradients
{
    /// <summary>
    /// Clips the gradients of <paramref name="parameters"/> to the global norm <paramref name="maxNorm"/>, in place; the optimiser needs
    /// not know.
    /// </summary>
    /// <returns>The norm before clipping.</returns>
    public static double Clip(AdamW optimiser, IReadOnlyList<Parameter> parameters, double maxNorm) =>
        nn.utils.clip_grad_norm_(parameters, maxNorm);
}
