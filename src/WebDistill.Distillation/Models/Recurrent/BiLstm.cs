using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Recurrent;

/// <summary>
/// Bidirectional LSTM classifier: token embeddings, layers of both directions, the last state of each direction side by side, a dense layer with a relu where there is one, classes.
/// </summary>
/// <remarks>
/// B rows, T positions, E width of the embeddings, C = 2 H. Padding changes no state, on whichever side it stands: what comes out is that of the text alone, as with PyTorch's packed
/// sequences. Position ids say nothing here. One instance may serve several readers but only one trainer.
/// </remarks>
internal sealed class BiLstm : TextModel
{
    private const string Layer = "lstm";

    private readonly BiLstmConfig _config;
    private readonly EmbeddingTable _words;
    private readonly LstmLayer[] _layers;
    private readonly Dense? _dense;
    private readonly Dense _classes;

    public BiLstm(BiLstmConfig config, torch.Device device) : base(config)
    {
        _config = config;
        _words = this.Place("embedding", new EmbeddingTable(config.VocabSize, config.EmbeddingDim, device));
        _layers = [.. Enumerable.Range(0, config.NumLayers).Select(layer => new LstmLayer(this, $"{Layer}.{layer}", config.InputsOf(layer), config.HiddenSize, device))];
        if (config.DenseSize > 0)
            _dense = this.Place("dense", new Dense(config.Width, config.DenseSize, device));
        _classes = this.Place("fc", new Dense(config.PooledWidth, config.Classes.Count, device));
    }

    /// <summary>The token embeddings [V, E].</summary>
    internal Parameter Words => _words.Weight;

    internal override Parameter? Head => null;

    internal override Parameter TokenEmbeddings => Words;

    private protected override string LayersName => Layer;

    // Its parts have been placed under the family's names.
    protected override void RegisterComponents()
    {
    }

    internal override Outputs Forward(ModelInput input, Wants wants, KeyValueCache? cache = null)
    {
        if (cache is not null)
            RequireContinuing();
        RequireNoTokenTypes(input.TokenTypeIds);
        RequirePositions(input.Ids.shape[1]);
        if ((wants & (Wants.Attentions | Wants.AttentionScores | Wants.AttentionInputs)) != 0)
            throw new ArgumentException($"Attention maps are asked for, and a {Architecture.Family.Title} has no attention. Compare hidden states or logits, or choose a transformer.");
        ScalarType type = Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        List<Tensor> layers = [];
        Tensor? isToken = input.AttentionMask?.ne(0), last = null;
        Tensor x = _words.forward(input.Ids);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            // What a layer computes on the way is freed at once, unless the backward pass keeps it or somebody asked for it.
            using DisposeScope scope = NewDisposeScope();
            (Tensor output, Tensor lastOfLayer) = _layers[layer].Run(layer == 0 ? x : SeededDropout.Run(x, _config.Dropout, training), isToken, type);
            if (wants.HasFlag(Wants.HiddenOfAllLayers))
                layers.Add(x);
            else
                x.Dispose();
            last?.Dispose();
            (x, last) = (output.MoveToOuterDisposeScope(), lastOfLayer.MoveToOuterDisposeScope());
        }
        if (wants.HasFlag(Wants.HiddenOfAllLayers))
            layers.Add(x);
        return new Outputs(x, layers, [], wants.HasFlag(Wants.Pooled) ? Pool(last!, type) : null);
    }

    internal override Tensor Logits(Tensor hidden) =>
        throw new InvalidOperationException($"This {Architecture.Family.Title} does not fill masked words and continues nothing: it has no logits of words.");

    /// <summary>Logits [B, classes] of the pooled vectors [B, D], or [B, C] without a dense layer.</summary>
    internal override Tensor ClassLogits(Tensor pooled)
    {
        using DisposeScope scope = NewDisposeScope();
        return _classes.forward(SeededDropout.Run(pooled, _config.Dropout, training), ScalarType.Float32).MoveToOuterDisposeScope();
    }

    internal override KeyValueCache CreateCache(int rows = 1, int? positions = null) =>
        throw new ArgumentException(ModelHeads.ProblemOfContinuing("The model", Architecture.Family, Architecture.Head));

    private protected override string PartOutsideOfBlocks(string parameter) =>
        parameter.StartsWith("embedding.", StringComparison.Ordinal) ? "embeddings" : parameter.StartsWith("dense.", StringComparison.Ordinal) ? "dense layer" : "classes";

    private protected override int SourceBlock(int block, Architecture source, IReadOnlyList<int> layers) =>
        _config.InputsOf(block) == ((BiLstmConfig)source).InputsOf(layers[block]) ? layers[block] : throw new ArgumentException(
            $"Layer {block} reads {_config.InputsOf(block)} numbers per token and is to be copied from layer {layers[block]}, which reads {((BiLstmConfig)source).InputsOf(layers[block])}; expected as many. "
            + "Let the first layer be the first one of the source, or choose embeddings as wide as the layers.");

    /// <summary>N(0, initializer_range²), biases 0 but for 1 at the forget gates (Jozefowicz, Zaremba and Sutskever 2015).</summary>
    private protected override void Draw(string name, Span<float> values, SeededRandom random)
    {
        if (!name.Contains("bias", StringComparison.Ordinal))
            random.FillNormal(values, _config.InitializerRange);
        else
            values.Clear();
        if (name.EndsWith(".bias_ih", StringComparison.Ordinal))
            values.Slice(_config.HiddenSize, _config.HiddenSize).Fill(1);
    }

    private Tensor Pool(Tensor last, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        return (_dense is null ? last : nn.functional.relu(_dense.forward(last, type).to(ScalarType.Float32))).MoveToOuterDisposeScope();
    }
}
