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

    /// <inheritdoc/>
    public sealed override bool IsFor(ModelHead head, ModelFamily family) => family.HasAttention;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher)
    {
        foreach ((string whose, Architecture? model) in new[] { ("student", student), ("teacher", teacher) })
        {
            if (model is { Heads: 0 })
                return $"The loss '{Label}' compares layer with layer, and the {whose} is {ModelHeads.WithArticle(model.Family.Title)}, which has no layers of attention; expected transformers. "
                    + "Set its weight to 0 and compare the predictions, or choose a transformer.";
        }
        return null;
    }

    /// <summary>Numbers that it trains beside the student: all that <see cref="Bind"/> registers. Each takes the memory of a weight, its gradient and its
    /// two moments.</summary>
    internal virtual long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) => 0;

    /// <summary>Floats per token that its sum leaves for the backward pass, beyond one difference for each tensor that it asks the student for.</summary>
    /// <param name="context">Tokens of a sequence.</param>
    internal virtual Int128 KeptPerToken(RunOptions options, Architecture student, Architecture? teacher, int context) => 0;

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
internal sealed record WholeBatch(Tensor Ids, Tensor IsToken)
{
    /// <summary>The vectors [n, C] of the n tokens, of those [B, T, C] of all places.</summary>
    public Tensor OfTokens(Tensor vectors)
    {
        Tensor all = vectors.reshape(-1, vectors.shape[^1]), places = IsToken.reshape(-1).nonzero().reshape(-1);
        return places.shape[0] == all.shape[0] ? all : all.index_select(0, places);
    }

    /// <summary>int64 [B]: where each row's first or last token stands, counted row by row.</summary>
    public Tensor Ends(bool last)
    {
        (long rows, long columns) = (IsToken.shape[0], IsToken.shape[1]);
        Tensor counted = last ? arange(1, columns + 1, device: IsToken.device) : arange(columns, 0, -1, device: IsToken.device);
        return (IsToken.to(ScalarType.Int64) * counted).argmax(1) + arange(rows, device: IsToken.device) * columns;
    }

    /// <summary>bool [B, 1, T, T]: whether a token, in the third place, attends to one, in the fourth. Nobody does at padding, nor to it.</summary>
    /// <param name="lookingBack">Whether a token sees only itself and those before it.</param>
    public Tensor IsSeen(bool lookingBack)
    {
        Tensor both = IsToken.unsqueeze(1).unsqueeze(3).logical_and(IsToken.unsqueeze(1).unsqueeze(2));
        return lookingBack ? both.tril() : both;
    }
}
