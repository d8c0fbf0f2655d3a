using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>
/// A layer of MobileBERT: its input narrowed to the width inside, attention, feed-forward parts one after the other, and widened again. Without
/// bottlenecks it is as wide inside as outside.
/// </summary>
/// <remarks>
/// h [B, T, C] outside, x [B, T, A] inside: x = norm(W h); a = norm(O attention + x); a = norm(ffn(a) + a) for each but the last, which is also followed by
/// norm(W a + h).
/// </remarks>
internal sealed class MobileBertBlock : EncoderLayer
{
    private readonly MobileBertConfig _config;
    private readonly Dense _query, _key, _value, _mixed;
    private readonly nn.Module<Tensor, Tensor> _attentionNorm;
    private readonly Narrowing? _input, _ofQueries;
    private readonly FeedForward[] _feedForwards;
    private readonly Dense? _widening;
    private readonly nn.Module<Tensor, Tensor>? _wideNorm;

    public MobileBertBlock(MobileBertConfig config, Device device) : base(nameof(MobileBertBlock))
    {
        _config = config;
        int inside = config.AttentionWidth;
        _query = this.Place("attention.self.query", new Dense(config.QueryWidth, inside, device));
        _key = this.Place("attention.self.key", new Dense(config.QueryWidth, inside, device));
        _value = this.Place("attention.self.value", new Dense(config.ValueWidth, inside, device));
        _mixed = this.Place("attention.output.dense", new Dense(inside, inside, device));
        _attentionNorm = this.Place("attention.output.LayerNorm", Norm(config, inside, device));
        int last = config.NumFeedforwardNetworks - 1;
        _feedForwards = [.. Enumerable.Range(0, config.NumFeedforwardNetworks)
            .Select(number => new FeedForward(this, At(number), config, device))];
        FeedForwardParts = [.. Enumerable.Range(0, config.NumFeedforwardNetworks)
            .Select(number => new FeedForwardPart($"{At(number)}{FeedForward.Inner}", $"{At(number)}{FeedForward.Outer}", $"{At(number)}{FeedForward.NormName}"))];
        if (!config.UseBottleneck)
            return;
        _input = new Narrowing(this, "bottleneck.input", config, device);
        if (config.NarrowsQueries)
            _ofQueries = new Narrowing(this, "bottleneck.attention", config, device);
        _widening = this.Place("output.bottleneck.dense", new Dense(inside, config.Width, device));
        _wideNorm = this.Place("output.bottleneck.LayerNorm", Norm(config, config.Width, device));

        string At(int number) => number == last ? "" : $"ffn.{number}.";
    }

    internal override IReadOnlyList<FeedForwardPart> FeedForwardParts { get; }

    // Its parts have been placed under the family's names.
    protected override void RegisterComponents()
    {
    }

    public override Tensor forward(Tensor h, EncoderPass pass)
    {
        Tensor x = _input?.Run(h, pass.Type) ?? h;
        Tensor ofQueries = _ofQueries?.Run(h, pass.Type) ?? (_config.UseBottleneckAttention ? x : h), ofValues = _config.UseBottleneckAttention ? x : h;
        Tensor mixed = EncoderAttention.Run(_query.forward(ofQueries, pass.Type), _key.forward(ofQueries, pass.Type), _value.forward(ofValues, pass.Type),
            _config.Heads, training ? _config.AttentionDropout : 0, pass);
        // With bottlenecks nothing is dropped but where the layer ends.
        double inside = _config.UseBottleneck ? 0 : _config.HiddenDropout;
        Tensor a = _attentionNorm.forward(Dropout(_mixed.forward(mixed, pass.Type), inside) + x);
        foreach (FeedForward part in _feedForwards)
            a = part.Norm.forward(Dropout(part.Run(a, pass.Type), ReferenceEquals(part, _feedForwards[^1]) ? inside : 0) + a);
        return _widening is null ? a : _wideNorm!.forward(Dropout(_widening.forward(a, pass.Type), _config.HiddenDropout) + h);
    }

    /// <summary>A norm of the kind that the architecture has.</summary>
    internal static nn.Module<Tensor, Tensor> Norm(MobileBertConfig config, long width, Device device) =>
        config.NormalizationType == MobileBertConfig.NoNormType ? new NoNorm(width, device) : nn.LayerNorm(width, eps: config.LayerNormEpsilon, device: device);

    /// <summary>norm(W h), from the width outside to the one inside.</summary>
    private sealed class Narrowing(MobileBertBlock block, string at, MobileBertConfig config, Device device)
    {
        private readonly Dense _dense = block.Place($"{at}.dense", new Dense(config.Width, config.AttentionWidth, device));
        private readonly nn.Module<Tensor, Tensor> _norm = block.Place($"{at}.LayerNorm", Norm(config, config.AttentionWidth, device));

        public Tensor Run(Tensor h, ScalarType type) => _norm.forward(_dense.forward(h, type).to(ScalarType.Float32));
    }

    /// <summary>W₂ act(W₁ a), and the norm of what it is added to.</summary>
    private sealed class FeedForward(MobileBertBlock block, string at, MobileBertConfig config, Device device)
    {
        public const string Inner = "intermediate.dense", Outer = "output.dense", NormName = "output.LayerNorm";

        private readonly Dense _inner = block.Place($"{at}{Inner}", new Dense(config.AttentionWidth, config.IntermediateSize, device));
        private readonly Dense _outer = block.Place($"{at}{Outer}", new Dense(config.IntermediateSize, config.AttentionWidth, device));

        public nn.Module<Tensor, Tensor> Norm { get; } = block.Place($"{at}{NormName}", MobileBertBlock.Norm(config, config.AttentionWidth, device));

        public Tensor Run(Tensor a, ScalarType type) => _outer.forward(Activation.Run(config.HiddenAct, _inner.forward(a, type)), type);
    }
}
