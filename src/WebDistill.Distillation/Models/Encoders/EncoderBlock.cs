using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>A layer of an encoder: [B, T, C] to [B, T, C].</summary>
internal abstract class EncoderLayer(string name) : nn.Module<Tensor, EncoderPass, Tensor>(name)
{
    /// <summary>Its feed-forward parts, by their names inside the layer.</summary>
    internal abstract IReadOnlyList<FeedForwardPart> FeedForwardParts { get; }

    private protected Tensor Dropout(Tensor x, double probability) => SeededDropout.Run(x, probability, training);
}

/// <summary>
/// The post-norm transformer block of BERT, DistilBERT and ALBERT: a = norm(x + drop(attention(x))), then norm(a + drop(W₂ act(W₁ a))).
/// </summary>
internal sealed class EncoderBlock : EncoderLayer
{
    private readonly Dense _query, _key, _value, _mixed, _inner, _outer;
    private readonly LayerNorm _attentionNorm, _outputNorm;
    private readonly long _heads;
    private readonly string _activation;
    private readonly double _attentionDropout, _mixedDropout, _outputDropout;

    /// <param name="names">Where its parts stand in a file.</param>
    /// <param name="dropsMixed">Whether what attention answers is dropped from before it is added.</param>
    public EncoderBlock(EncoderConfig config, BlockNames names, bool dropsMixed, torch.Device device) : base(nameof(EncoderBlock))
    {
        int width = config.Width, inner = config.InnerWidth;
        _query = this.Place(names.Query, new Dense(width, width, device));
        _key = this.Place(names.Key, new Dense(width, width, device));
        _value = this.Place(names.Value, new Dense(width, width, device));
        _mixed = this.Place(names.Mixed, new Dense(width, width, device));
        _attentionNorm = this.Place(names.AttentionNorm, nn.LayerNorm(width, eps: config.LayerNormEpsilon, device: device));
        _inner = this.Place(names.Inner, new Dense(width, inner, device));
        _outer = this.Place(names.Outer, new Dense(inner, width, device));
        _outputNorm = this.Place(names.OutputNorm, nn.LayerNorm(width, eps: config.LayerNormEpsilon, device: device));
        FeedForwardParts = [new FeedForwardPart(names.Inner, names.Outer, names.OutputNorm)];
        (_heads, _activation) = (config.Heads, config.HiddenAct);
        (_attentionDropout, _mixedDropout, _outputDropout) = (config.AttentionDropout, dropsMixed ? config.HiddenDropout : 0, config.HiddenDropout);
    }

    internal override IReadOnlyList<FeedForwardPart> FeedForwardParts { get; }

    // Its parts have been placed under the family's names.
    protected override void RegisterComponents()
    {
    }

    public override Tensor forward(Tensor x, EncoderPass pass)
    {
        Tensor mixed = EncoderAttention.Run(_query.forward(x, pass.Type), _key.forward(x, pass.Type), _value.forward(x, pass.Type), _heads,
            training ? _attentionDropout : 0, pass);
        x = _attentionNorm.forward(x + Dropout(_mixed.forward(mixed, pass.Type), _mixedDropout));
        Tensor y = _outer.forward(Activation.Run(_activation, _inner.forward(x, pass.Type)), pass.Type);
        return _outputNorm.forward(x + Dropout(y, _outputDropout));
    }
}

/// <summary>What the parts of a block are called in a family's files.</summary>
/// <param name="Mixed">The projection of what attention answers.</param>
/// <param name="Inner">The first half of the feed-forward part.</param>
/// <param name="Outer">The second half.</param>
internal sealed record BlockNames(
    string Query, string Key, string Value, string Mixed, string AttentionNorm, string Inner, string Outer, string OutputNorm)
{
    /// <summary>BERT's own.</summary>
    public static BlockNames Bert { get; } = new(
        "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
        "intermediate.dense", "output.dense", "output.LayerNorm");
}
