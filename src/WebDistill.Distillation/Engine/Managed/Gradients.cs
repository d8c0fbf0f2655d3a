using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Engine;

/// <summary>What happens to the gradients between backward and update.</summary>
internal static class Gradients
{
    /// <summary>
    /// Clips the gradients of <paramref name="parameters"/> to the global norm <paramref name="maxNorm"/> for the optimiser's next update,
    /// which applies the factor while it reads them.
    /// </summary>
    /// <returns>The norm before clipping.</returns>
    public static double Clip(AdamW optimiser, IReadOnlyList<Parameter> parameters, double maxNorm)
    {
        double norm = nn.utils.GradientNorm(parameters.Select(parameter => parameter.Gradient).OfType<Tensor>());
        optimiser.GradientScale = (float)nn.utils.ClippingScale(norm, maxNorm);
        return norm;
    }
}
