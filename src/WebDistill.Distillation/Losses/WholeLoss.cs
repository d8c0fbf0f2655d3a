using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>A loss that looks at a whole batch at once: hidden states of all layers, attention maps. Its sum is differentiated together with
/// those of the losses over rows, in one backward pass.</summary>
public abstract class WholeLoss : Loss
{
    /// <summary>What it asks the student for.</summary>
    public abstract Wants OfStudent { get; }

    /// <summary>The loss for one pair of architectures.</summary>
    /// <exception cref="ArgumentException">They cannot be compared by it; the message states the values, what was expected and the fix.</exception>
    internal abstract WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher);
}

/// <summary>
/// A <see cref="WholeLoss"/> bound to a pair of models. Parameters that it registers (a projection between widths) are trained with the student
/// and saved in checkpoints, and are no part of the student.
/// </summary>
internal abstract class WholeLossModule(string name) : nn.Module(name)
{
    /// <summary>Sum over the batch: a scalar of 32 bits, differentiable with respect to the student's tensors and its own parameters.</summary>
    public abstract Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch);
}

/// <summary>A batch as a whole loss sees it.</summary>
/// <param name="Ids">int64 [B, T].</param>
/// <param name="IsToken">bool [B, T], false at padding, which no loss may count.</param>
internal sealed record WholeBatch(Tensor Ids, Tensor IsToken);
