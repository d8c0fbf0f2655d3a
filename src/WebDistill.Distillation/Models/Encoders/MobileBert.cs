using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>MobileBERT. Its output projection is the token embeddings and, for what they are too narrow for, a matrix of its own.</summary>
internal sealed class MobileBert : Encoder
{
    private static readonly EncoderNames s_names = Bert.Names with
    {
        Root = "mobilebert", Layers = "mobilebert.encoder.layer", Pooler = "mobilebert.pooler.dense",
    };

    private readonly MobileBertConfig _config;
    private readonly Dense _joining;
    private readonly Parameter? _ownOutput;

    public MobileBert(MobileBertConfig config, Device device) : base(config, s_names, device)
    {
        _config = config;
        _joining = this.Place("mobilebert.embeddings.embedding_transformation", new Dense(config.JoinedWidth, config.Width, device));
        AddLayers([.. Enumerable.Range(0, config.Layers).Select(_ => new MobileBertBlock(config, device))], layer => layer);
        AddHead(device);
        if (config.FillsMasks)
            _ownOutput = this.Place("cls.predictions.dense.weight", nn.Parameter(zeros(config.Width - config.EmbeddingSize, config.VocabSize, device: device)));
    }

    // Called before the fields here are set.
    private protected override nn.Module<Tensor, Tensor> Norm(long width, Device device) => MobileBertBlock.Norm((MobileBertConfig)Architecture, width, device);

    private protected override Tensor Join(Tensor words, ScalarType type)
    {
        if (_config.TrigramInput)
        {
            // Zeros where a text ends. What is padded is a neighbour like any other.
            Tensor nothing = zeros(words.shape[0], 1, words.shape[2], device: words.device);
            long others = words.shape[1] - 1;
            words = cat([cat([words.narrow(1, 1, others), nothing], 1), words, cat([nothing, words.narrow(1, 0, others)], 1)], 2);
        }
        return _config.TrigramInput || _config.EmbeddingSize != _config.Width ? _joining.forward(words, type) : words;
    }

    private protected override Tensor Project(Tensor transformed, Parameter words, Parameter bias)
    {
        int last = _config.Width - _config.EmbeddingSize;
        return nn.functional.linear(transformed.narrow(-1, 0, _config.EmbeddingSize), words, bias)
            + transformed.narrow(-1, _config.EmbeddingSize, last).matmul(_ownOutput!);
    }
}

/// <summary>MobileBERT.</summary>
internal sealed class MobileBertFamily : EncoderFamily
{
    public static readonly MobileBertFamily Instance = new();

    private MobileBertFamily()
    {
    }

    public override string Name => "mobilebert";

    public override string Title => "MobileBERT";

    public override string What => "BERT deep and thin: layers that are narrow inside, between bottlenecks, with several feed-forward parts each, token embeddings "
        + "that see their neighbours, and factors in the place of layer norms.";

    public override string Source => "Sun et al. 2020";

    internal override EncoderFields Fields { get; } = EncoderFields.Bert with { AttentionWidth = "intra_bottleneck_size" };

    private protected override string ClassPrefix => "MobileBert";

    private protected override string Prefix => "mobilebert.";

    private protected override IReadOnlyList<string> Unprefixed { get; } = ["embeddings.", "encoder.", "pooler."];

    private protected override IReadOnlyList<string> OfMaskedHead { get; } = ["cls.predictions."];

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string>
    {
        ["cls.predictions.decoder.weight"] = "mobilebert.embeddings.word_embeddings.weight",
        ["cls.predictions.decoder.bias"] = "cls.predictions.bias",
    };

    private protected override EncoderConfig ParseOwn(ConfigFields fields) => new MobileBertConfig
    {
        VocabSize = fields.RequiredInteger("vocab_size"),
        EmbeddingSize = fields.RequiredInteger("embedding_size"),
        MaxPositionEmbeddings = fields.RequiredInteger("max_position_embeddings"),
        HiddenSize = fields.RequiredInteger("hidden_size"),
        NumHiddenLayers = fields.RequiredInteger("num_hidden_layers"),
        NumAttentionHeads = fields.RequiredInteger("num_attention_heads"),
        IntermediateSize = fields.RequiredInteger("intermediate_size"),
        IntraBottleneckSize = fields.RequiredInteger("intra_bottleneck_size"),
        TypeVocabSize = fields.Integer("type_vocab_size") ?? 2,
        LayerNormEpsilon = fields.Number("layer_norm_eps") ?? 1e-12,
        TrigramInput = fields.Switch("trigram_input") ?? true,
        UseBottleneck = fields.Switch("use_bottleneck") ?? true,
        UseBottleneckAttention = fields.Switch("use_bottleneck_attention") ?? false,
        KeyQuerySharedBottleneck = fields.Switch("key_query_shared_bottleneck") ?? true,
        NumFeedforwardNetworks = fields.Integer("num_feedforward_networks") ?? 4,
        NormalizationType = fields.Text("normalization_type") ?? MobileBertConfig.NoNormType,
        ClassifierActivation = fields.Switch("classifier_activation") ?? true,
        HiddenAct = "relu",
        HiddenDropout = 0,
    };

    internal override Architecture Create(NewModel model) => new MobileBertConfig
    {
        // In the published model's proportions: 512 outside, 128 inside, 128 per token id, feed-forward parts of 512.
        VocabSize = model.VocabularySize, EmbeddingSize = Math.Max(1, model.Width / 4), MaxPositionEmbeddings = model.Positions, HiddenSize = model.Width,
        NumHiddenLayers = model.Layers, NumAttentionHeads = model.Heads, IntermediateSize = model.Width,
        IntraBottleneckSize = model.Heads * Math.Max(1, model.Width / 4 / Math.Max(1, model.Heads)), HiddenAct = "relu", HiddenDropout = 0,
        PadTokenId = model.PaddingId, EosTokenId = model.EndOfTextId, FillsMasks = true,
    };

    internal override TextModel Build(Architecture architecture, Device device) => new MobileBert((MobileBertConfig)architecture, device);
}
