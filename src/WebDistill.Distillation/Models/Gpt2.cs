using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models.Weights;
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
public sealed class Gpt2 : nn.Module<Tensor, Tensor>
{
    private readonly EmbeddingTable wte;
    private readonly EmbeddingTable wpe;
    private readonly ModuleList<Gpt2Block> h;
    private readonly LayerNorm ln_f;

    /// <summary>A model whose weights are still to be read or drawn.</summary>
    internal Gpt2(Gpt2Config config) : base(nameof(Gpt2))
    {
        config.Validate();
        Config = config;
        torch.Device device = Engine.Device.Default;
        wte = new EmbeddingTable(config.VocabSize, config.NEmbd, device);
        wpe = new EmbeddingTable(config.NPositions, config.NEmbd, device);
        h = new ModuleList<Gpt2Block>([.. Enumerable.Range(0, config.NLayer).Select(layer => new Gpt2Block(config, layer, device))]);
        ln_f = nn.LayerNorm(config.NEmbd, eps: config.LayerNormEpsilon, device: device);
        RegisterComponents();
    }

    /// <summary>The model's architecture.</summary>
    public Gpt2Config Config { get; }

    /// <summary>In which numbers linear layers and attention are computed; the weights are of 32 bits in any case.</summary>
    public Precision Precision { get; set; } = Precision.Float32;

    /// <summary>The token embedding [V, C], which is also the head.</summary>
    internal Parameter TokenEmbedding => wte.Weight;

    /// <summary>The position embedding [n_positions, C].</summary>
    internal Parameter PositionEmbedding => wpe.Weight;

    /// <summary>
    /// A model with fresh weights: N(0, initializer_range²), biases 0, layer norms 1 and 0, and initializer_range/√(2·n_layer) for every
    /// c_proj.
    /// </summary>
    /// <remarks>The numbers come from a generator of this project, so that a seed means the same model on every device and with every libtorch.</remarks>
    public static Gpt2 CreateRandom(Gpt2Config config, long seed)
    {
        var model = new Gpt2(config);
        var random = new SeededRandom(seed);
        double residualRange = config.InitializerRange / Math.Sqrt(2.0 * config.NLayer);
        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal))
                ParameterData.Write(parameter, values => values.Clear());
            else if (name.StartsWith("ln_", StringComparison.Ordinal) || name.Contains(".ln_", StringComparison.Ordinal))
                ParameterData.Write(parameter, values => values.Fill(1));
            else
            {
                double range = name.EndsWith("c_proj.weight", StringComparison.Ordinal) ? residualRange : config.InitializerRange;
                ParameterData.Write(parameter, values => random.FillNormal(values, range));
            }
        }
        return model;
    }

    /// <summary>Hidden states after the last layer norm.</summary>
    /// <param name="input">Token ids, int64 [B, T].</param>
    /// <returns>[B, T, C].</returns>
    public override Tensor forward(Tensor input) => Hidden(input);

    /// <summary>Hidden states after the last layer norm, [B, T, C].</summary>
    /// <param name="ids">Token ids, int64 [B, T].</param>
    /// <param name="attentionMask">int64 [B, T], 0 at padding, which no position attends to; null attends to everything before.</param>
    /// <param name="positionIds">int64 [B, T]; null counts from 0, or from the end of the cache.</param>
    /// <param name="cache">Keys and values of the positions before; the new ones are added to it.</param>
    /// <exception cref="ArgumentException">More positions than n_positions.</exception>
    internal Tensor Hidden(Tensor ids, Tensor? attentionMask = null, Tensor? positionIds = null, KeyValueCache? cache = null) =>
        Forward(ids, Wants.Hidden, attentionMask, positionIds, cache).Hidden;

    /// <summary>What is asked for, and nothing else.</summary>
    /// <inheritdoc cref="Hidden"/>
    internal Outputs Forward(
        Tensor ids, Wants wants, Tensor? attentionMask = null, Tensor? positionIds = null, KeyValueCache? cache = null)
    {
        long past = cache?.Length ?? 0, length = ids.shape[1];
        if (past + length > Config.NPositions)
            throw new ArgumentException(
                $"{past + length} positions do not fit into the model's n_positions {Config.NPositions}. Shorten the text.");

        List<Tensor> layers = [];
        List<Tensor>? attentions = wants.HasFlag(Wants.Attentions) ? [] : null;
        Tensor positions = positionIds is null ? PositionEmbedding.narrow(0, past, length) : wpe.forward(positionIds);
        Tensor x = Dropout(wte.forward(ids) + positions, Config.EmbdPdrop);
        var context = new Gpt2Attention.Context(
            attentionMask is null && attentions is null ? null : AdditiveMask(length, attentionMask), cache, attentions,
            Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
        foreach (Gpt2Block block in h)
        {
            // What a block computes on the way is freed at once, unless the backward pass keeps it or somebody asked for it.
            using DisposeScope scope = NewDisposeScope();
            Tensor output = block.forward(x, context).MoveToOuterDisposeScope();
            attentions?[^1].MoveToOuterDisposeScope();
            Keep(x);
            x = output;
        }
        cache?.Advance(length);
        using (Tensor output = x)
            x = ln_f.forward(output);
        if (wants.HasFlag(Wants.HiddenOfAllLayers))
            layers.Add(x);
        return new Outputs(x, layers, attentions ?? []);

        void Keep(Tensor input)
        {
            if (wants.HasFlag(Wants.HiddenOfAllLayers))
                layers.Add(input);
            else
                input.Dispose();
        }
    }

    /// <summary>Logits [.., V] of hidden states [.., C].</summary>
    internal Tensor Logits(Tensor hidden) => RowProduct.Fits(hidden, TokenEmbedding)
        ? RowProduct.Run(hidden, TokenEmbedding, isTransposed: true, bias: null).view([.. hidden.shape[..^1], Config.VocabSize])
        : nn.functional.linear(hidden, TokenEmbedding);

    /// <summary>Copies embeddings, final layer norm and the named layers of a model of the same width.</summary>
    /// <param name="layers">Which layer of the source each layer of this model gets.</param>
    internal void CopyFrom(Gpt2 source, IReadOnlyList<int> layers)
    {
        Dictionary<string, Parameter> from = source.named_parameters().ToDictionary(pair => pair.Item1, pair => pair.Item2);
        using IDisposable noGradient = no_grad();
        foreach ((string name, Parameter parameter) in named_parameters())
        {
            string[] parts = name.Split('.');
            if (parts[0] == nameof(h))
                parts[1] = layers[int.Parse(parts[1])].ToString();
            parameter.copy_(from[string.Join('.', parts)]);
        }
    }

    private Tensor Dropout(Tensor x, double p) => training && p > 0 ? SeededDropout.Run(x, p) : x;

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
