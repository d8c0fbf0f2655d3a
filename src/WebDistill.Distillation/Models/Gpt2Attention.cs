using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>Causal multi-head self-attention: softmax(q kᵀ/√D) v, with q, k and v the thirds of c_attn's output.</summary>
/// <remarks>Shapes: B rows, T positions of this pass, S positions seen so far, C width, H heads, D = C/H.</remarks>
internal sealed class Gpt2Attention : nn.Module<Tensor, Gpt2Attention.Context, Tensor>
{
    private readonly Conv1D c_attn;
    private readonly Conv1D c_proj;
    private readonly int _layer;
    private readonly long _heads;
    private readonly double _attentionDropout;
    private readonly double _residualDropout;

    public Gpt2Attention(Gpt2Config config, int layer, torch.Device device) : base(nameof(Gpt2Attention))
    {
        c_attn = new Conv1D(config.NEmbd, 3L * config.NEmbd, device);
        c_proj = new Conv1D(config.NEmbd, config.NEmbd, device);
        _layer = layer;
        _heads = config.NHead;
        _attentionDropout = config.AttnPdrop;
        _residualDropout = config.ResidPdrop;
        RegisterComponents();
    }

    /// <summary>What a pass through the model shares between its layers.</summary>
    /// <param name="Mask">[1 or B, 1, T, T], added to the scores; null is plain causality.</param>
    /// <param name="Kept">Gets what is asked for of every layer.</param>
    /// <param name="Type">In which numbers linear layers and attention are computed.</param>
    public sealed record Context(Tensor? Mask, KeyValueCache? Cache, KeptAttention Kept, ScalarType Type);

    public override Tensor forward(Tensor x_BTC, Context context)
    {
        long rows = x_BTC.shape[0], length = x_BTC.shape[1], width = x_BTC.shape[2];
        Tensor qkv_BT3C = c_attn.forward(x_BTC, context.Type);
        double dropout = training ? _attentionDropout : 0;
        bool isFused = context is { Mask: null, Cache: null, Kept.IsComposed: false };
        if (isFused && context.Kept.Inputs is null)
            return Project(CausalAttention.Run(qkv_BT3C, _heads, dropout));
        Tensor[] thirds = qkv_BT3C.chunk(3, 2);
        context.Kept.Keep(thirds[0], thirds[1], thirds[2]);
        if (isFused)
            return Project(CausalAttention.Run(qkv_BT3C, _heads, dropout));
        Tensor q_BHTD = Heads(thirds[0]), k_BHSD = Heads(thirds[1]), v_BHSD = Heads(thirds[2]);
        if (context.Cache is { } cache)
        {
            (k_BHSD, v_BHSD) = cache.Append(_layer, k_BHSD, v_BHSD);
            (k_BHSD, v_BHSD) = (k_BHSD.to(context.Type), v_BHSD.to(context.Type));
        }

        Tensor mixed_BHTD;
        if (context.Kept.IsComposed)
        {
            mixed_BHTD = context.Kept.Mix(q_BHTD, k_BHSD, v_BHSD, context.Mask, dropout, context.Type);
        }
        else
        {
            // A single new position sees everything in the cache, so causality needs no mask then.
            bool causal = context.Mask is null && length > 1;
            mixed_BHTD = nn.functional.scaled_dot_product_attention(q_BHTD, k_BHSD, v_BHSD, attn_mask: context.Mask?.to(context.Type)!,
                p: dropout, is_casual: causal);
        }
        return Project(mixed_BHTD.transpose(1, 2).reshape(rows, length, width));

        Tensor Project(Tensor values)
        {
            Tensor y = c_proj.forward(values, context.Type);
            return SeededDropout.Run(y, _residualDropout, training);
        }

        Tensor Heads(Tensor third) => third.view(rows, length, _heads, width / _heads).transpose(1, 2);
    }
}
