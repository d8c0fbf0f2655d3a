using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>One pre-norm transformer block: x + attn(ln_1(x)), then x + mlp(ln_2(x)).</summary>
internal sealed class Gpt2Block : nn.Module<Tensor, Gpt2Attention.Context, Tensor>
{
    private readonly LayerNorm ln_1;
    private readonly Gpt2Attention attn;
    private readonly LayerNorm ln_2;
    private readonly Gpt2Mlp mlp;

    public Gpt2Block(Gpt2Config config, int layer, torch.Device device) : base(nameof(Gpt2Block))
    {
        ln_1 = nn.LayerNorm(config.NEmbd, eps: config.LayerNormEpsilon, device: device);
        attn = new Gpt2Attention(config, layer, device);
        ln_2 = nn.LayerNorm(config.NEmbd, eps: config.LayerNormEpsilon, device: device);
        mlp = new Gpt2Mlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Gpt2Attention.Context context)
    {
        x = x + attn.forward(ln_1.forward(x), context);
        return x + mlp.forward(ln_2.forward(x), context.Type);
    }
}

/// <summary>c_proj(gelu(c_fc(x))), with the tanh form of GELU that Hugging Face calls gelu_new.</summary>
internal sealed class Gpt2Mlp : nn.Module<Tensor, ScalarType, Tensor>
{
    private readonly Conv1D c_fc;
    private readonly Conv1D c_proj;
    private readonly double _dropout;

    public Gpt2Mlp(Gpt2Config config, torch.Device device) : base(nameof(Gpt2Mlp))
    {
        c_fc = new Conv1D(config.NEmbd, config.InnerWidth, device);
        c_proj = new Conv1D(config.InnerWidth, config.NEmbd, device);
        _dropout = config.ResidPdrop;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, ScalarType type)
    {
        x = c_proj.forward(Gelu.Run(c_fc.forward(x, type)), type);
        return SeededDropout.Run(x, _dropout, training);
    }
}

/// <summary>
/// x W + b with W stored [inputs, outputs], the transpose of a linear layer, as GPT-2's checkpoints have it. Computed in the type that is asked for.
/// </summary>
internal sealed class Conv1D : MatrixProduct
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    public Conv1D(long inputs, long outputs, torch.Device device) : base(nameof(Conv1D))
    {
        weight = nn.Parameter(zeros(inputs, outputs, device: device));
        bias = nn.Parameter(zeros(outputs, device: device));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, ScalarType type)
    {
        x = Entered(x);
        long[] shape = x.shape;
        if (type == ScalarType.Float32 && RowProduct.Fits(x, weight))
            return RowProduct.Run(x, weight, isTransposed: false, bias).view([.. shape[..^1], weight.shape[1]]);
        return bias.to(type).addmm(x.reshape(-1, shape[^1]).to(type), weight.to(type)).reshape([.. shape[..^1], weight.shape[1]]);
    }
}
