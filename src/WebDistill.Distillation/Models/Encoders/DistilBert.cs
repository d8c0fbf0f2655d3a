using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>Architecture of a DistilBERT (Sanh et al. 2019): it tells no sentences apart and has no pooler before its classes are learned.</summary>
/// <remarks>Names and defaults follow <c>DistilBertConfig</c> of transformers.</remarks>
public sealed record DistilBertConfig : EncoderConfig
{
    /// <inheritdoc/>
    public override ModelFamily Family => DistilBertFamily.Instance;

    /// <summary>Whether the positions' embeddings are sines and cosines that are not trained.</summary>
    public bool SinusoidalPositions { get; init; }

    internal override bool HasPooler => Classes is not null;

    private protected override void WriteOwn(JsonObject json) => json["sinusoidal_pos_embds"] = SinusoidalPositions;
}

/// <summary>DistilBERT: BERT's blocks without the dropout behind attention.</summary>
internal sealed class DistilBert : Encoder
{
    internal static readonly EncoderNames Names = new(
        "distilbert", "distilbert.transformer.layer", "pre_classifier", "vocab_transform", "vocab_layer_norm", "vocab_projector.bias");

    internal static readonly BlockNames Block = new(
        "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm");

    private readonly DistilBertConfig _config;

    public DistilBert(DistilBertConfig config, Device device) : base(config, Names, device)
    {
        _config = config;
        AddLayers([.. Enumerable.Range(0, config.Layers).Select(_ => new EncoderBlock(config, Block, dropsMixed: false, device))], layer => layer);
        AddHead(device);
        if (config.SinusoidalPositions)
            FixPositions();
    }

    private protected override Tensor AfterPooler(Tensor pooled) => nn.functional.relu(pooled);

    private protected override void Draw(string name, Span<float> values, SeededRandom random)
    {
        if (!_config.SinusoidalPositions || !name.EndsWith("position_embeddings.weight", StringComparison.Ordinal))
        {
            base.Draw(name, values, random);
            return;
        }
        int width = _config.Width;
        for (int i = 0; i < values.Length; i++)
        {
            double angle = i / width / Math.Pow(10000, 2.0 * (i % width / 2) / width);
            values[i] = (float)(i % width % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle));
        }
    }
}

/// <summary>DistilBERT.</summary>
internal sealed class DistilBertFamily : EncoderFamily
{
    public static readonly DistilBertFamily Instance = new();

    private DistilBertFamily()
    {
    }

    public override string Name => "distilbert";

    public override string Title => "DistilBERT";

    public override string What => "BERT with half as many layers, learned from BERT by distillation: it tells no sentences apart, and its first token goes through a "
        + "dense layer only before classes.";

    public override string Source => "Sanh et al. 2019";

    internal override EncoderFields Fields { get; } =
        new("dim", "n_layers", "n_heads", "hidden_dim", "activation", "dropout", "attention_dropout", "seq_classif_dropout", "dim");

    private protected override string ClassPrefix => "DistilBert";

    private protected override string Prefix => "distilbert.";

    private protected override IReadOnlyList<string> Unprefixed { get; } = ["embeddings.", "transformer."];

    private protected override IReadOnlyList<string> OfMaskedHead { get; } = ["vocab_"];

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string>
    {
        ["vocab_projector.weight"] = "distilbert.embeddings.word_embeddings.weight",
    };

    private protected override EncoderConfig ParseOwn(ConfigFields fields) => new DistilBertConfig
    {
        VocabSize = fields.RequiredInteger("vocab_size"),
        MaxPositionEmbeddings = fields.RequiredInteger("max_position_embeddings"),
        HiddenSize = fields.RequiredInteger("dim"),
        NumHiddenLayers = fields.RequiredInteger("n_layers"),
        NumAttentionHeads = fields.RequiredInteger("n_heads"),
        IntermediateSize = fields.RequiredInteger("hidden_dim"),
        TypeVocabSize = 0,
        ClassifierDropout = 0.2,
        SinusoidalPositions = fields.Switch("sinusoidal_pos_embds") ?? false,
    };

    internal override Architecture Create(NewModel model) => new DistilBertConfig
    {
        VocabSize = model.VocabularySize, MaxPositionEmbeddings = model.Positions, HiddenSize = model.Width, NumHiddenLayers = model.Layers,
        NumAttentionHeads = model.Heads, IntermediateSize = 4 * model.Width, TypeVocabSize = 0, ClassifierDropout = 0.2, PadTokenId = model.PaddingId, EosTokenId = model.EndOfTextId,
        FillsMasks = true,
    };

    /// <summary>That of a BERT with the head for masked words, as Sanh et al. 2019 begin: without token types and pooler.</summary>
    internal override Architecture? From(Architecture other) => other is BertConfig { FillsMasks: true } bert ? new DistilBertConfig
    {
        VocabSize = bert.VocabSize, MaxPositionEmbeddings = bert.MaxPositionEmbeddings, HiddenSize = bert.HiddenSize, NumHiddenLayers = bert.NumHiddenLayers,
        NumAttentionHeads = bert.NumAttentionHeads, IntermediateSize = bert.IntermediateSize, TypeVocabSize = 0, HiddenAct = bert.HiddenAct, HiddenDropout = bert.HiddenDropout,
        AttentionDropout = bert.AttentionDropout, ClassifierDropout = 0.2, InitializerRange = bert.InitializerRange, PadTokenId = bert.PadTokenId, BosTokenId = bert.BosTokenId,
        EosTokenId = bert.EosTokenId, FillsMasks = true,
    } : base.From(other);

    internal override string NameIn(ModelFamily other, string weight)
    {
        if (other != BertFamily.Instance)
            return weight;
        EncoderNames own = DistilBert.Names, theirs = Bert.Names;
        if (!weight.StartsWith($"{own.Layers}.", StringComparison.Ordinal))
            return Renamed(weight, [(own.Transform, theirs.Transform), (own.TransformNorm, theirs.TransformNorm), (own.OutputBias, theirs.OutputBias), (own.Root, theirs.Root)]);
        string[] inLayers = weight[(own.Layers.Length + 1)..].Split('.', 2);
        BlockNames block = DistilBert.Block, bert = BlockNames.Bert;
        return $"{theirs.Layers}.{inLayers[0]}." + Renamed(inLayers[1],
        [
            (block.Query, bert.Query), (block.Key, bert.Key), (block.Value, bert.Value), (block.Mixed, bert.Mixed), (block.AttentionNorm, bert.AttentionNorm),
            (block.Inner, bert.Inner), (block.Outer, bert.Outer), (block.OutputNorm, bert.OutputNorm),
        ]);

        static string Renamed(string name, IReadOnlyList<(string Own, string Bert)> parts)
        {
            (string part, string called) = parts.First(one => name.StartsWith(one.Own, StringComparison.Ordinal));
            return called + name[part.Length..];
        }
    }

    internal override TextModel Build(Architecture architecture, Device device) => new DistilBert((DistilBertConfig)architecture, device);
}
