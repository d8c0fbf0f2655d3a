using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>A product with a weight matrix, computed in the type that is asked for, of which somebody may change what enters while the model trains.</summary>
internal abstract class MatrixProduct(string name) : nn.Module<Tensor, ScalarType, Tensor>(name)
{
    /// <summary>What becomes of x [.., inputs] before it is multiplied, in a model that trains; null changes nothing.</summary>
    public Func<Tensor, Tensor>? Entering { get; set; }

    /// <summary>What is multiplied.</summary>
    private protected Tensor Entered(Tensor x) => Entering is null || !training ? x : Entering(x);
}
