using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>The range of a tensor that comes again and again, averaged over updates: r ← m·r + (1 − m)·(least, largest), and the first update's own at first.</summary>
/// <param name="momentum">m.</param>
internal sealed class MovingRange(double momentum)
{
    /// <summary>What it takes in a checkpoint.</summary>
    public const int Bytes = 3 * sizeof(float);

    private float _least = float.PositiveInfinity, _largest = float.NegativeInfinity;

    /// <summary>The least number, the largest, and 1 where both are known, which they are after the first update.</summary>
    public float[] Numbers { get; } = new float[3];

    /// <summary>Whether there is one.</summary>
    public bool IsKnown => Numbers[2] > 0;

    /// <summary>An update begins: what was watched of one that was cut is forgotten.</summary>
    public void Forget() => (_least, _largest) = (float.PositiveInfinity, float.NegativeInfinity);

    /// <summary>Looks at one of the tensors of an update.</summary>
    /// <param name="x">[B, T, C].</param>
    /// <param name="isToken">bool [B, T]; the others do not count. Null where all do.</param>
    public void Watch(Tensor x, Tensor? isToken)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        // 0 is in every range: what is no token may be it.
        Tensor seen = isToken is null ? x.detach() : x.detach().masked_fill(isToken.logical_not().unsqueeze(-1), 0);
        (_least, _largest) = (Math.Min(_least, seen.min().cpu().item<float>()), Math.Max(_largest, seen.max().cpu().item<float>()));
    }

    /// <summary>The update is made: the range moves by what was watched, if anything was.</summary>
    public void Move()
    {
        if (_least > _largest)
            return;
        (Numbers[0], Numbers[1]) = IsKnown
            ? ((float)(momentum * Numbers[0] + (1 - momentum) * _least), (float)(momentum * Numbers[1] + (1 - momentum) * _largest)) : (_least, _largest);
        Numbers[2] = 1;
        Forget();
    }
}
