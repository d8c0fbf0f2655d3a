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

    /// <summary>Numbers that it trains beside the student: all that <see cref="Bind"/> registers. Each takes the memory of a weight, its gradient and its
    /// two moments.</summary>
    internal virtual long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) => 0;

    /// <summary>The loss for one pair of architectures, of which <see cref="Loss.Mismatch"/> says nothing. Called once, before the first update.</summary>
    /// <remarks>
    /// Parameters are made on <see cref="Engine.Device.Default"/>, in 32 bits. libtorch's generator was just seeded with the run's seed: what randn draws here
    /// depends on it alone, whichever losses are beside this one and at whichever update it joins a run that branches. The objective's knobs are those of
    /// <see cref="Loss.ParametersIn"/>; its weight and its divisor are applied to the sum by whoever calls.
    /// </remarks>
    /// <param name="teacher">Null only for a loss whose <see cref="Loss.OfTeacher"/> is <see cref="Wants.None"/>.</param>
    internal abstract WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher);
}

/// <summary>
/// A <see cref="WholeLoss"/> bound to a pair of models. Parameters that it registers (a projection between widths) are trained with the student
/// and saved in checkpoints, and are no part of the student. They do not decay.
/// </summary>
internal abstract class WholeLossModule(string name) : nn.Module(name)
{
    /// <summary>Sum over the batch: a scalar of 32 bits, differentiable with respect to the student's tensors and its own parameters.</summary>
    /// <param name="student">What <see cref="WholeLoss.OfStudent"/> asked for, with its graph; in 32 bits whatever the precision of the run.</param>
    /// <param name="teacher">What <see cref="Loss.OfTeacher"/> asked for, without gradients; null without a teacher.</param>
    public abstract Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch);
}

/// <summary>A batch as a whole loss sees it.</summary>
/// <param name="Ids">int64 [B, T].</param>
/// <param name="IsToken">bool [B, T], false at padding, which no loss may count.</param>
internal sealed record WholeBatch(Tensor Ids, Tensor IsToken);
