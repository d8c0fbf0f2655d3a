using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using static TorchSharp.torch;

namespace WebDistill.Benchmarks;

/// <summary>GPT-2 by libtorch's own modules and operators alone: what the product's model is compared with. Random weights.</summary>
internal sealed class PlainGpt2 : nn.Module<Tensor, Tensor>
{
    private readonly Embedding wte;
    private readonly Embedding wpe;
    private readonly ModuleList<PlainBlock> h;
    private readonly LayerNorm ln_f;
    private readonly double _dropout;

    public PlainGpt2(Gpt2Config config, int layers, double dropout) : base(nameof(PlainGpt2))
    {
        wte = nn.Embedding(config.VocabularySize, config.Width);
        wpe = nn.Embedding(config.Positions, config.Width);
        using (no_grad())
        {
            nn.init.normal_(wte.weight!, std: 0.02);
            nn.init.normal_(wpe.weight!, std: 0.02);
        }
        h = new ModuleList<PlainBlock>([.. Enumerable.Range(0, layers).Select(_ => new PlainBlock(config.Width, config.Heads, dropout))]);
        ln_f = nn.LayerNorm(config.Width);
        _dropout = dropout;
        RegisterComponents();
    }

    public int Layers => h.Count;

    public override Tensor forward(Tensor ids) => Run(ids).Logits;

    /// <summary>Logits [B, T, V] and last hidden states [B, T, C].</summary>
    /// <param name="past">Keys and values of each layer so far, replaced by those with the new positions; null keeps none.</param>
    public (Tensor Logits, Tensor Hidden) Run(Tensor ids, (Tensor Keys, Tensor Values)?[]? past = null)
    {
        long first = past?[0]?.Keys.shape[2] ?? 0;
        Tensor x = nn.functional.dropout(wte.forward(ids) + wpe.forward(arange(first, first + ids.shape[1], dtype: ScalarType.Int64)), _dropout, training);
        for (int layer = 0; layer < h.Count; layer++)
            x = h[layer].Run(x, past, layer);
        Tensor hidden = ln_f.forward(x);
        return (nn.functional.linear(hidden, wte.weight!), hidden);
    }
}

internal sealed class PlainBlock : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm ln_1;
    private readonly LayerNorm ln_2;
    private readonly PlainLinear c_attn;
    private readonly PlainLinear c_proj;
    private readonly PlainLinear c_fc;
    private readonly PlainLinear mlp_c_proj;
    private readonly long _heads;
    private readonly double _dropout;

    public PlainBlock(long width, long heads, double dropout) : base(nameof(PlainBlock))
    {
        (ln_1, ln_2) = (nn.LayerNorm(width), nn.LayerNorm(width));
        (c_attn, c_proj) = (new PlainLinear(width, 3 * width), new PlainLinear(width, width));
        (c_fc, mlp_c_proj) = (new PlainLinear(width, 4 * width), new PlainLinear(4 * width, width));
        (_heads, _dropout) = (heads, dropout);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => Run(x, null, 0);

    public Tensor Run(Tensor x, (Tensor Keys, Tensor Values)?[]? past, int layer)
    {
        x = x + Drop(c_proj.forward(Attend(ln_1.forward(x), past, layer)));
        return x + Drop(mlp_c_proj.forward(nn.functional.gelu(c_fc.forward(ln_2.forward(x)), GELU.Approximate.tanh)));
    }

    private Tensor Attend(Tensor x, (Tensor Keys, Tensor Values)?[]? past, int layer)
    {
        (long batch, long length, long width) = (x.shape[0], x.shape[1], x.shape[2]);
        Tensor[] thirds = c_attn.forward(x).chunk(3, 2);
        Tensor Split(Tensor third) => third.view(batch, length, _heads, width / _heads).permute(0, 2, 1, 3);
        Tensor key = Split(thirds[1]), value = Split(thirds[2]);
        if (past?[layer] is { } before)
            (key, value) = (cat([before.Keys, key], 2), cat([before.Values, value], 2));
        if (past is not null)
            past[layer] = (key, value);
        return nn.functional.scaled_dot_product_attention(Split(thirds[0]), key, value, p: training ? _dropout : 0, is_casual: length > 1).permute(0, 2, 1, 3).contiguous().view(batch, length, width);
    }

    private Tensor Drop(Tensor x) => nn.functional.dropout(x, _dropout, training);
}

internal sealed class PlainLinear : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    public PlainLinear(long inputs, long outputs) : base(nameof(PlainLinear))
    {
        weight = nn.Parameter(randn(inputs, outputs) * 0.02);
        bias = nn.Parameter(zeros(outputs));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => bias.addmm(x.view(-1, x.shape[^1]), weight).view([.. x.shape[..^1], weight.shape[1]]);
}
