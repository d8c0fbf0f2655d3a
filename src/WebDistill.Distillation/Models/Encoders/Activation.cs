using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>The functions between the two halves of a feed-forward part, by Hugging Face's names.</summary>
internal static class Activation
{
    /// <summary>max(0, x), whose gradient follows from its answer.</summary>
    public const string Relu = "relu";

    private const string Exact = "gelu";

    /// <summary>x·Φ(x) with the exact distribution, its form by tanh under both of its names, and max(0, x).</summary>
    public static IReadOnlyList<string> Names { get; } = [Exact, "gelu_new", "gelu_pytorch_tanh", Relu];

    /// <summary>Element by element.</summary>
    public static Tensor Run(string name, Tensor x) => name switch
    {
        Exact => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.none),
        Relu => nn.functional.relu(x),
        _ => Gelu.Run(x),
    };
}
