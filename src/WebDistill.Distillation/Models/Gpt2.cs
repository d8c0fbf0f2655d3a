using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
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
    /// <param name="trace">Collects hidden states and attention probabilities of every layer; attention is then composed of single
    /// operators.</param>
    /// <exception cref="ArgumentException">More positions than n_positions.</exception>
    internal Tensor Hidden(
        Tensor ids, Tensor? attentionMask = null, Tensor? positionIds = null, KeyValueCache? cache = null, Gpt2Trace? trace = null)
    {
        long past = cache?.Length ?? 0, length = ids.shape[1];
        if (past + length > Config.NPositions)
            throw new ArgumentException(
                $"{past + length} positions do not fit into the model's n_positions {Config.NPositions}. Shorten the text.");

        Tensor positions = positionIds is null ? PositionEmbedding.narrow(0, past, length) : wpe.forward(positionIds);
        Tensor x = Dropout(wte.forward(ids) + positions, Config.EmbdPdrop);
        var context = new Gpt2Attention.Context(
            attentionMask is null && trace is null ? null : AdditiveMask(ids.shape[0], length, attentionMask), cache, trace,
            Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
        foreach (Gpt2Block block in h)
        {
            trace?.HiddenStates.Add(x);
            // What a block computes on the way is freed at once, unless the backward pass or the trace keeps it.
            using DisposeScope? scope = trace is null ? NewDisposeScope() : null;
            x = block.forward(x, context).MoveToOuterDisposeScope();
        }
        cache?.Advance(length);
        x = ln_f.forward(x);
        trace?.HiddenStates.Add(x);
        return x;
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

    /// <summary>[B, 1, T, T]: 0 where a position may attend, a very negative number where it may not.</summary>
    private static Tensor AdditiveMask(long rows, long length, Tensor? attentionMask)
    {
        long[]? kept = attentionMask?.cpu().data<long>().ToArray();
        var mask = new float[rows * length * length];
        for (long row = 0; row < rows; row++)
        {
            for (long query = 0; query < length; query++)
            {
                for (long key = 0; key < length; key++)
                {
                    // Finite, so that a query with nothing to attend to gets equal weights and not NaN.
                    if (key > query || kept is not null && kept[row * length + key] == 0)
                        mask[(row * length + query) * length + key] = -1e30f;
                }
            }
        }
        return tensor(mask, [rows, 1, length, length], device: Engine.Device.Default);
    }
}

/// <summary>
/// What every layer computed, for inspection: n_layer + 1 hidden states, the last one after the final layer norm, and n_layer attentions.
/// </summary>
internal sealed class Gpt2Trace
{
    /// <summary>Input of each block, then the output of the final layer norm; each [B, T, C].</summary>
    public List<Tensor> HiddenStates { get; } = [];

    /// <summary>Attention probabilities of each block, [B, H, T, T].</summary>
    public List<Tensor> Attentions { get; } = [];
}
