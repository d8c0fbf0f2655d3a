using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>Architecture of a BERT (Devlin et al. 2018).</summary>
/// <remarks>Names and defaults follow <c>BertConfig</c> of transformers.</remarks>
public sealed record BertConfig : EncoderConfig
{
    /// <inheritdoc/>
    public override ModelFamily Family => BertFamily.Instance;

    private protected override void WriteOwn(JsonObject json)
    {
        json["type_vocab_size"] = TypeVocabSize;
        json["layer_norm_eps"] = LayerNormEpsilon;
        json["position_embedding_type"] = "absolute";
    }
}

/// <summary>BERT: token, position and sentence embeddings, post-norm blocks, the exact GELU.</summary>
internal sealed class Bert : Encoder
{
    internal static readonly EncoderNames Names = new(
        "bert", "bert.encoder.layer", "bert.pooler.dense", "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias");

    public Bert(BertConfig config, Device device) : base(config, Names, device)
    {
        AddLayers([.. Enumerable.Range(0, config.Layers).Select(_ => new EncoderBlock(config, BlockNames.Bert, dropsMixed: true, device))], layer => layer);
        AddHead(device);
    }
}

/// <summary>BERT and what has its shape.</summary>
internal sealed class BertFamily : EncoderFamily
{
    public static readonly BertFamily Instance = new();

    private BertFamily()
    {
    }

    public override string Name => "bert";

    public override string Title => "BERT";

    public override string What => "A transformer that reads a text from both sides and fills masked words, or sorts texts and pairs of them into classes: layer "
        + "norms behind attention and feed-forward part, learned positions, two kinds of sentences.";

    public override string Source => "Devlin et al. 2018";

    private protected override string ClassPrefix => "Bert";

    private protected override string Prefix => "bert.";

    private protected override IReadOnlyList<string> Unprefixed { get; } = ["embeddings.", "encoder.", "pooler."];

    private protected override IReadOnlyList<string> OfMaskedHead { get; } = ["cls.predictions."];

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string>
    {
        ["cls.predictions.decoder.weight"] = "bert.embeddings.word_embeddings.weight",
        ["cls.predictions.decoder.bias"] = "cls.predictions.bias",
    };

    private protected override EncoderConfig ParseOwn(ConfigFields fields) => new BertConfig
    {
        VocabSize = fields.RequiredInteger("vocab_size"),
        MaxPositionEmbeddings = fields.RequiredInteger("max_position_embeddings"),
        HiddenSize = fields.RequiredInteger("hidden_size"),
        NumHiddenLayers = fields.RequiredInteger("num_hidden_layers"),
        NumAttentionHeads = fields.RequiredInteger("num_attention_heads"),
        IntermediateSize = fields.RequiredInteger("intermediate_size"),
        TypeVocabSize = fields.Integer("type_vocab_size") ?? 2,
        LayerNormEpsilon = fields.Number("layer_norm_eps") ?? 1e-12,
    };

    internal override Architecture Create(NewModel model) => new BertConfig
    {
        VocabSize = model.VocabularySize, MaxPositionEmbeddings = model.Positions, HiddenSize = model.Width, NumHiddenLayers = model.Layers,
        NumAttentionHeads = model.Heads, IntermediateSize = 4 * model.Width, PadTokenId = model.PaddingId, EosTokenId = model.EndOfTextId, FillsMasks = true,
    };

    internal override TextModel Build(Architecture architecture, Device device) => new Bert((BertConfig)architecture, device);
}
