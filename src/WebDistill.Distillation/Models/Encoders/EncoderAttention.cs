using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>What a pass through an encoder shares between its layers.</summary>
/// <param name="Mask">[B, 1, 1, T], added to the scores; null hides nothing.</param>
/// <param name="Kept">Gets what is asked for of every layer.</param>
/// <param name="Type">In which numbers linear layers and attention are computed.</param>
internal sealed record EncoderPass(Tensor? Mask, KeptAttention Kept, ScalarType Type);

/// <summary>Self-attention that sees the whole text: dropout(softmax(q kᵀ/√D + mask)) v for every head.</summary>
internal static class EncoderAttention
{
    /// <summary>Mixes the values. B rows, T positions, A = H·D.</summary>
    /// <param name="q">[B, T, A], as the other two.</param>
    /// <param name="dropout">Of the probabilities.</param>
    /// <returns>[B, T, A].</returns>
    public static Tensor Run(Tensor q, Tensor k, Tensor v, long heads, double dropout, EncoderPass pass)
    {
        (long rows, long length, long width) = (q.shape[0], q.shape[1], q.shape[2]);
        Tensor q_BHTD = Heads(q), k_BHTD = Heads(k), v_BHTD = Heads(v), mixed_BHTD;
        pass.Kept.Keep(q, k, v);
        if (pass.Kept.IsComposed)
        {
            mixed_BHTD = pass.Kept.Mix(q_BHTD, k_BHTD, v_BHTD, pass.Mask, dropout, pass.Type);
        }
        else
        {
            mixed_BHTD = nn.functional.scaled_dot_product_attention(
                q_BHTD, k_BHTD, v_BHTD, attn_mask: pass.Mask?.to(pass.Type)!, p: dropout, is_casual: false);
        }
        return mixed_BHTD.transpose(1, 2).reshape(rows, length, width);

        Tensor Heads(Tensor x) => x.view(rows, length, heads, width / heads).transpose(1, 2);
    }
}
