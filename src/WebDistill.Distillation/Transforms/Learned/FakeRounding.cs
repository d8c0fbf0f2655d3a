using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>Numbers rounded to what integers stand for, with gradients as if they were not.</summary>
internal static class FakeRounding
{
    /// <summary>x̂ = s·(clamp(round(x/s) + z, q_min, q_max) − z), halves to even; ∂x̂/∂x is 1 where x/s + z lies between q_min and q_max, else 0.</summary>
    /// <param name="scale">s.</param>
    /// <param name="zero">z, an integer.</param>
    public static Tensor StraightThrough(Tensor x, double scale, double zero, double least, double most)
    {
        Tensor within = x.clamp((least - zero) * scale, (most - zero) * scale), lost;
        using (no_grad())
            lost = Round(within, scale, zero, least, most).sub_(within);
        return within + lost;
    }

    /// <summary>The same without a gradient.</summary>
    public static Tensor Round(Tensor x, double scale, double zero, double least, double most) =>
        x.div(scale).round_().add_(zero).clamp_(least, most).sub_(zero).mul_(scale);

    /// <summary>Scale and zero of the integers 0 to <paramref name="most"/> over a range, which 0 is in: 0 is one of the numbers that they stand for.</summary>
    public static (double Scale, double Zero) OfRange(double least, double largest, int most)
    {
        (least, largest) = (Math.Min(0, least), Math.Max(0, largest));
        double scale = (largest - least) / most;
        return scale > 0 ? (scale, Math.Clamp(Math.Round(-least / scale), 0, most)) : (1, 0);
    }

    /// <summary>Rows rounded symmetrically: s·q, q = round(w/s) from −Q to Q, s = max |w|/Q, Q = 2^(b−1) − 1; of 8 bits what <see cref="IntegerRounding"/> makes of a row that is not rounded yet, to the bit.</summary>
    /// <param name="matrix">[outputs, inputs], 32 bits.</param>
    public static Tensor Rows(Tensor matrix, int bits)
    {
        int most = (1 << bits - 1) - 1;
        Tensor largest = matrix.abs().amax([1], keepdim: true);
        // In 64 bits, so that a half is one; a row of zeros stays one.
        Tensor codes = (matrix.to(ScalarType.Float64) * most / largest.to(ScalarType.Float64)).round_().nan_to_num_(0).to(ScalarType.Float32);
        return codes.mul_(largest / most);
    }
}
