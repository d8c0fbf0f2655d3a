using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Recurrent;

/// <summary>
/// A layer of both directions. i, f, g, o are the quarters of W_ih x(t) + b_ih + W_hh h(t−1) + b_hh, in PyTorch's order:
/// <code>
/// c(t) = σ(f)·c(t−1) + σ(i)·tanh(g)
/// h(t) = σ(o)·tanh(c(t))
/// </code>
/// The reverse direction is the same of the text from its end on.
/// </summary>
/// <remarks>Its weights stand in the model, at a path that ends with the direction.</remarks>
internal sealed class LstmLayer
{
    public const string Forward = "forward", Reverse = "reverse";

    private readonly Direction _forward, _reverse;

    /// <param name="root">The model.</param>
    /// <param name="path">Where the layer stands in it.</param>
    /// <param name="inputs">Numbers per token that go in.</param>
    /// <param name="width">H.</param>
    public LstmLayer(nn.Module root, string path, long inputs, long width, torch.Device device)
    {
        (_forward, _reverse) = (Create(Forward), Create(Reverse));

        Direction Create(string name) => new(
            Add($"{name}.weight_ih", 4 * width, inputs), Add($"{name}.weight_hh", 4 * width, width), Add($"{name}.bias_ih", 4 * width), Add($"{name}.bias_hh", 4 * width));

        Parameter Add(string name, params long[] shape) => root.Place($"{path}.{name}", nn.Parameter(zeros(shape, device: device)));
    }

    /// <summary>States of all tokens, and those that each direction ends with.</summary>
    /// <param name="x">[B, T, inputs].</param>
    /// <param name="isToken">bool [B, T]; null where all are tokens.</param>
    /// <param name="type">Of the products.</param>
    /// <returns>[B, T, 2 H], 0 at padding; [B, 2 H].</returns>
    public (Tensor States, Tensor Last) Run(Tensor x, Tensor? isToken, ScalarType type)
    {
        Tensor entering = stack([Entering(_forward, x, type), Entering(_reverse, x, type).flip(0)], 1);
        Tensor? kept = isToken?.transpose(0, 1).unsqueeze(-1);                                     // [T, B, 1]
        Tensor states = LstmRecurrence.Run(
            entering, _forward.Recurrent, _reverse.Recurrent, kept is null ? null : stack([kept, kept.flip(0)], 1), type);
        Tensor together = cat([states.select(1, 0), states.select(1, 1).flip(0)], -1);             // [T, B, 2 H]
        if (kept is not null)
            together = together * kept;
        // Whoever came last stays to the end: padding behind it has changed nothing.
        Tensor last = states.select(0, -1);
        return (together.transpose(0, 1).contiguous(), cat([last.select(0, 0), last.select(0, 1)], -1));
    }

    /// <summary>What the gates get of the token itself, [T, B, 4 H].</summary>
    private static Tensor Entering(Direction direction, Tensor x, ScalarType type) =>
        nn.functional.linear(x.to(type), direction.Input.to(type), (direction.InputBias + direction.RecurrentBias).to(type)).to(ScalarType.Float32).transpose(0, 1);

    /// <summary>The weights of one direction.</summary>
    /// <param name="Input">[4 H, inputs].</param>
    /// <param name="Recurrent">[4 H, H].</param>
    private sealed record Direction(Parameter Input, Parameter Recurrent, Parameter InputBias, Parameter RecurrentBias);
}
