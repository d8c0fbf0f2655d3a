using System.Text.Json.Nodes;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>Architecture of an ALBERT (Lan et al. 2019): token embeddings narrower than the layers, and layers that share their weights by groups.</summary>
/// <remarks>Names and defaults follow <c>AlbertConfig</c> of transformers.</remarks>
public sealed record AlbertConfig : EncoderConfig
{
    /// <summary>E: numbers per token id.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>G: blocks with weights of their own. Layer i of L is block ⌊i·G/L⌋.</summary>
    public int NumHiddenGroups { get; init; } = 1;

    /// <inheritdoc/>
    public override ModelFamily Family => AlbertFamily.Instance;

    internal override int EmbeddingWidth => EmbeddingSize;

    private protected override int DistinctBlocks => NumHiddenGroups;

    private protected override long ParametersOfWidening => Numbers(EmbeddingSize, HiddenSize);

    private protected override double ProductsOfWidening => (double)EmbeddingSize * HiddenSize;

    /// <summary>The block that a layer is.</summary>
    internal int GroupOf(int layer) => (int)((long)layer * NumHiddenGroups / NumHiddenLayers);

    /// <summary>The blocks of the source that the layers which share one of these are to be copied from.</summary>
    internal int[] Sources(int block, AlbertConfig source, IReadOnlyList<int> layers) =>
        [.. Enumerable.Range(0, layers.Count).Where(layer => GroupOf(layer) == block).Select(layer => source.GroupOf(layers[layer])).Distinct()];

    internal override string? ProblemOfCopying(Architecture source, IReadOnlyList<int> layers)
    {
        foreach ((int block, int[] wanted) in Enumerable.Range(0, NumHiddenGroups).Select(block => (block, Sources(block, (AlbertConfig)source, layers))))
        {
            if (wanted.Length != 1)
                return $"The layers that share block {block} are to be copied from the blocks {string.Join(" and ", wanted)}, expected one for all of them. Choose layers of one "
                    + "block for each, or as many blocks as layers.";
        }
        return null;
    }

    /// <inheritdoc/>
    public override Architecture WithLayers(int layers) => this with { NumHiddenLayers = layers, NumHiddenGroups = Math.Min(NumHiddenGroups, layers) };

    private protected override void WriteOwn(JsonObject json)
    {
        json["embedding_size"] = EmbeddingSize;
        json["num_hidden_groups"] = NumHiddenGroups;
        json["inner_group_num"] = 1;
        json["type_vocab_size"] = TypeVocabSize;
        json["layer_norm_eps"] = LayerNormEpsilon;
        json["position_embedding_type"] = "absolute";
    }

    private protected override void ValidateOwn()
    {
        InRange("embedding_size", EmbeddingSize, 1, OptionLimits.Width);
        InRange("num_hidden_groups", NumHiddenGroups, 1, NumHiddenLayers);
    }
}

/// <summary>ALBERT.</summary>
internal sealed class Albert : Encoder
{
    private static readonly EncoderNames s_names = new(
        "albert", "albert.encoder.albert_layer_groups", "albert.pooler", "predictions.dense", "predictions.LayerNorm", "predictions.bias");

    private static readonly BlockNames s_block = new(
        "attention.query", "attention.key", "attention.value", "attention.dense", "attention.LayerNorm", "ffn", "ffn_output", "full_layer_layer_norm");

    private readonly AlbertConfig _config;
    private readonly Dense _widening;

    public Albert(AlbertConfig config, Device device) : base(config, s_names, device)
    {
        _config = config;
        _widening = this.Place("albert.encoder.embedding_hidden_mapping_in", new Dense(config.EmbeddingSize, config.Width, device));
        AddLayers([.. Enumerable.Range(0, config.NumHiddenGroups).Select(_ => new EncoderBlock(config, s_block, dropsMixed: true, device))], config.GroupOf,
            within: ".albert_layers.0");
        AddHead(device);
    }

    private protected override Tensor Widen(Tensor embedded, ScalarType type) => _widening.forward(embedded, type).to(ScalarType.Float32);

    private protected override int SourceBlock(int block, Architecture source, IReadOnlyList<int> layers) => _config.ProblemOfCopying(source, layers) is string problem
        ? throw new ArgumentException(problem) : _config.Sources(block, (AlbertConfig)source, layers)[0];
}

/// <summary>ALBERT.</summary>
internal sealed class AlbertFamily : EncoderFamily
{
    public static readonly AlbertFamily Instance = new();

    private AlbertFamily()
    {
    }

    public override string Name => "albert";

    public override string Title => "ALBERT";

    public override string What => "BERT whose layers share their weights, by groups or all of them, and whose token embeddings are narrower than the layers: a small "
        + "file that computes as much as a large one.";

    public override string Source => "Lan et al. 2019";

    internal override EncoderFields Fields { get; } = EncoderFields.Bert with { ClassifierDropout = "classifier_dropout_prob" };

    private protected override string ClassPrefix => "Albert";

    private protected override string Prefix => "albert.";

    private protected override IReadOnlyList<string> Unprefixed { get; } = ["embeddings.", "encoder.", "pooler."];

    private protected override IReadOnlyList<string> OfMaskedHead { get; } = ["predictions."];

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string>
    {
        ["predictions.decoder.weight"] = "albert.embeddings.word_embeddings.weight",
        ["predictions.decoder.bias"] = "predictions.bias",
    };

    private protected override EncoderConfig ParseOwn(ConfigFields fields)
    {
        if (fields.Integer("inner_group_num") is int inner && inner != 1)
            throw new InvalidDataException($"config.json: inner_group_num is {inner}, only 1 is supported, as all published models have it.");
        return new AlbertConfig
        {
            VocabSize = fields.RequiredInteger("vocab_size"),
            EmbeddingSize = fields.RequiredInteger("embedding_size"),
            MaxPositionEmbeddings = fields.RequiredInteger("max_position_embeddings"),
            HiddenSize = fields.RequiredInteger("hidden_size"),
            NumHiddenLayers = fields.RequiredInteger("num_hidden_layers"),
            NumHiddenGroups = fields.Integer("num_hidden_groups") ?? 1,
            NumAttentionHeads = fields.RequiredInteger("num_attention_heads"),
            IntermediateSize = fields.RequiredInteger("intermediate_size"),
            TypeVocabSize = fields.Integer("type_vocab_size") ?? 2,
            LayerNormEpsilon = fields.Number("layer_norm_eps") ?? 1e-12,
            HiddenAct = "gelu_new",
            HiddenDropout = 0,
            AttentionDropout = 0,
            ClassifierDropout = 0.1,
        };
    }

    internal override Architecture Create(NewModel model) => new AlbertConfig
    {
        VocabSize = model.VocabularySize, EmbeddingSize = Math.Clamp(model.Width / 4, 1, 128), MaxPositionEmbeddings = model.Positions, HiddenSize = model.Width,
        NumHiddenLayers = model.Layers, NumAttentionHeads = model.Heads, IntermediateSize = 4 * model.Width, HiddenAct = "gelu_new", HiddenDropout = 0,
        AttentionDropout = 0, ClassifierDropout = 0.1, PadTokenId = model.PaddingId, EosTokenId = model.EndOfTextId, FillsMasks = true,
    };

    internal override TextModel Build(Architecture architecture, Device device) => new Albert((AlbertConfig)architecture, device);
}
