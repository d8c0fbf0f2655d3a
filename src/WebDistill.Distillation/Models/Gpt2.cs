using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>
/// GPT-2 (Radford et al. 2019): pre-norm transformer blocks over token and position embeddings, with a language-model head tied to the
/// token embedding. Field names are the keys of Hugging Face's checkpoints.
/// </summary>
/// <remarks>
/// B rows, T positions, C = n_embd, H = n_head, V = vocab_size. One instance may serve several readers but only one trainer.
/// </remarks>
internal sealed class Gpt2 : TextModel
{
    private readonly EmbeddingTable wte;
    private readonly EmbeddingTable wpe;
    private readonly ModuleList<Gpt2Block> h;
    private readonly LayerNorm ln_f;
    private readonly Gpt2Config _config;

    internal Gpt2(Gpt2Config config, torch.Device device) : base(config)
    {
        _config = config;
        wte = new EmbeddingTable(config.VocabularySize, config.Width, device);
        wpe = new EmbeddingTable(config.Positions, config.Width, device);
        h = new ModuleList<Gpt2Block>([.. Enumerable.Range(0, config.Layers).Select(layer => new Gpt2Block(config, layer, device))]);
        ln_f = nn.LayerNorm(config.Width, eps: config.LayerNormEpsilon, device: device);
        RegisterComponents();
    }

    internal override Parameter Head => wte.Weight;

    internal override bool StoresInputsFirst => true;

    internal override IReadOnlyList<FeedForwardPart> FeedForwardParts =>
        [.. Enumerable.Range(0, _config.Layers).Select(layer => new FeedForwardPart($"h.{layer}.mlp.c_fc", $"h.{layer}.mlp.c_proj", $"h.{layer}.ln_2"))];

    internal override IEnumerable<Parameter> PositionEmbeddings => [wpe.Weight];

    private protected override string LayersName => nameof(h);

    // The token embedding is the output projection as well.
    private protected override string PartOutsideOfBlocks(string parameter) =>
        parameter.StartsWith(nameof(ln_f), StringComparison.Ordinal) ? "final norm" : "embeddings";

    /// <summary>N(0, initializer_range²), biases 0, layer norms 1 and 0, and initializer_range/√(2·n_layer) for every c_proj.</summary>
    private protected override void Draw(string name, Span<float> values, SeededRandom random)
    {
        if (name.EndsWith(".bias", StringComparison.Ordinal))
            values.Clear();
        else if (name.StartsWith("ln_", StringComparison.Ordinal) || name.Contains(".ln_", StringComparison.Ordinal))
            values.Fill(1);
        else
            random.FillNormal(values, name.EndsWith("c_proj.weight", StringComparison.Ordinal)
                ? _config.InitializerRange / Math.Sqrt(2.0 * _config.Layers) : _config.InitializerRange);
    }

    internal override Outputs Forward(ModelInput input, Wants wants, KeyValueCache? cache = null)
    {
        (Tensor ids, Tensor? attentionMask, Tensor? positionIds, Tensor? tokenTypeIds) = input;
        RequireNoTokenTypes(tokenTypeIds);
        long past = cache?.Length ?? 0, length = ids.shape[1];
        RequirePositions(past + length);

        List<Tensor> layers = [];
        var kept = new KeptAttention(wants);
        Tensor positions = positionIds is null ? wpe.Weight.narrow(0, past, length) : wpe.forward(positionIds);
        Tensor x = SeededDropout.Run(wte.forward(ids) + positions, _config.EmbdPdrop, training);
        var context = new Gpt2Attention.Context(
            attentionMask is null && !kept.IsComposed ? null : AdditiveMask(length, attentionMask), cache, kept,
            Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
        for (int layer = 0; layer < h.Count; layer++)
        {
            if (Skips(layer))
                continue;
            // What a block computes on the way is freed at once, unless the backward pass keeps it or somebody asked for it.
            using DisposeScope scope = NewDisposeScope();
            Tensor output = h[layer].forward(x, context).MoveToOuterDisposeScope();
            kept.MoveToOuterDisposeScope();
            Keep(x);
            x = output;
        }
        cache?.Advance(length);
        using (Tensor output = x)
            x = ln_f.forward(output);
        if (wants.HasFlag(Wants.HiddenOfAllLayers))
            layers.Add(x);
        return new Outputs(x, layers, kept.Probabilities ?? []) { Scores = kept.Scores ?? [], Inputs = kept.Inputs ?? [] };

        void Keep(Tensor input)
        {
            if (wants.HasFlag(Wants.HiddenOfAllLayers))
                layers.Add(input);
            else
                input.Dispose();
        }
    }

    /// <summary>[1 or B, 1, T, T]: 0 where a position may attend, a very negative number where it may not.</summary>
    private static Tensor AdditiveMask(long length, Tensor? attentionMask)
    {
        torch.Device device = Engine.Device.Default;
        Tensor blocked = ones([length, length], ScalarType.Bool, device).triu(1).view(1, 1, length, length);
        if (attentionMask is not null)
            blocked = blocked.logical_or(attentionMask.eq(0).view(attentionMask.shape[0], 1, 1, length));
        // Finite, so that a query with nothing to attend to gets equal weights and not NaN.
        return zeros(blocked.shape, device: device).masked_fill_(blocked, -1e30f);
    }
}
