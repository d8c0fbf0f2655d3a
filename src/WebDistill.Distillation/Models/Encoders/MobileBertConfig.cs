using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>
/// Architecture of a MobileBERT (Sun et al. 2020): layers that are narrow inside, between bottlenecks, with several feed-forward parts each; token
/// embeddings that see their neighbours.
/// </summary>
/// <remarks>Names and defaults follow <c>MobileBertConfig</c> of transformers.</remarks>
public sealed record MobileBertConfig : EncoderConfig
{
    internal const string NoNormType = "no_norm", LayerNormType = "layer_norm";

    /// <summary>E: numbers per token id.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Whether a token's embedding is made of its own, its right and its left neighbour's.</summary>
    public bool TrigramInput { get; init; } = true;

    /// <summary>Whether layers are narrower inside than between them.</summary>
    public bool UseBottleneck { get; init; } = true;

    /// <summary>Numbers per token inside a layer that has bottlenecks.</summary>
    public required int IntraBottleneckSize { get; init; }

    /// <summary>Whether queries, keys and values are all made of the layer's narrowed input.</summary>
    public bool UseBottleneckAttention { get; init; }

    /// <summary>Whether queries and keys are made of a narrowing of their own.</summary>
    public bool KeyQuerySharedBottleneck { get; init; } = true;

    /// <summary>Feed-forward parts of a layer, one after the other.</summary>
    public int NumFeedforwardNetworks { get; init; } = 4;

    /// <summary><c>no_norm</c> has factors and shifts in the place of layer norms.</summary>
    public string NormalizationType { get; init; } = NoNormType;

    /// <summary>Whether a dense layer and tanh stand before the classes.</summary>
    public bool ClassifierActivation { get; init; } = true;

    /// <inheritdoc/>
    public override ModelFamily Family => MobileBertFamily.Instance;

    internal override int EmbeddingWidth => EmbeddingSize;

    internal override int SummedWidth => HiddenSize;

    internal override int TransformedWidth => HiddenSize;

    internal override bool HasPooler => !FillsMasks && ClassifierActivation;

    /// <summary>Numbers per token inside a layer.</summary>
    internal override int AttentionWidth => UseBottleneck ? IntraBottleneckSize : HiddenSize;

    /// <summary>Numbers per token that queries and keys are made of.</summary>
    internal int QueryWidth => UseBottleneck && (UseBottleneckAttention || KeyQuerySharedBottleneck) ? IntraBottleneckSize : HiddenSize;

    /// <summary>Numbers per token that values are made of.</summary>
    internal int ValueWidth => UseBottleneck && UseBottleneckAttention ? IntraBottleneckSize : HiddenSize;

    /// <summary>Numbers per token that the embeddings are made of.</summary>
    internal int JoinedWidth => (TrigramInput ? 3 : 1) * EmbeddingSize;

    /// <summary>Whether the layer narrows its input a second time, for queries and keys.</summary>
    internal bool NarrowsQueries => UseBottleneck && KeyQuerySharedBottleneck && !UseBottleneckAttention;

    private protected override long ParametersOfWidening => Numbers(JoinedWidth, HiddenSize);

    private protected override double ProductsOfWidening => TrigramInput || EmbeddingSize != HiddenSize ? (double)JoinedWidth * HiddenSize : 0;

    // Each norm has two numbers per channel.
    private protected override long ParametersPerBlock
    {
        get
        {
            long inside = AttentionWidth, feedForward = Numbers(inside, IntermediateSize) + Numbers(IntermediateSize, inside) + 2 * inside;
            return 2 * Numbers(QueryWidth, inside) + Numbers(ValueWidth, inside) + Numbers(inside, inside) + 2 * inside + NumFeedforwardNetworks * feedForward
                + (UseBottleneck ? Narrowings * (Numbers(HiddenSize, inside) + 2 * inside) + Numbers(inside, HiddenSize) + 2L * HiddenSize : 0);
        }
    }

    private protected override double ProductsPerBlock => (2.0 * QueryWidth + ValueWidth + AttentionWidth) * AttentionWidth
        + 2.0 * NumFeedforwardNetworks * AttentionWidth * IntermediateSize + (UseBottleneck ? (Narrowings + 1.0) * HiddenSize * AttentionWidth : 0);

    // The part of the output that the token embeddings are too narrow for.
    private protected override long ParametersOfOutput => (long)(HiddenSize - EmbeddingSize) * VocabSize;

    private int Narrowings => NarrowsQueries ? 2 : 1;

    /// <inheritdoc/>
    /// <remarks>
    /// What goes into dense layers and norms, q, k and v, attention's result and statistics, and of each feed-forward part the activation's answers: its
    /// inputs as well, unless it is a relu.
    /// </remarks>
    public override long ActivationsPerTokenAndLayer(bool hasDropout, int context)
    {
        long inside = AttentionWidth, activation = (HiddenAct == Activation.Relu ? 1L : 2) * IntermediateSize;
        long bottlenecks = UseBottleneck ? 2L * HiddenSize + (NarrowsQueries ? 3 : UseBottleneckAttention ? 2 : 1) * inside : 0;
        return bottlenecks + 6 * inside + Heads + (hasDropout ? ActivationsOfDroppedAttention(context) : 0) + NumFeedforwardNetworks * (2 * inside + activation);
    }

    /// <inheritdoc/>
    public override Architecture WithWidth(int width, int heads) => this with
    {
        HiddenSize = width, NumAttentionHeads = heads, IntermediateSize = Scaled(IntermediateSize, width), IntraBottleneckSize = Scaled(IntraBottleneckSize, width),
        EmbeddingSize = Scaled(EmbeddingSize, width),
    };

    private protected override void WriteOwn(JsonObject json)
    {
        json["embedding_size"] = EmbeddingSize;
        json["trigram_input"] = TrigramInput;
        json["use_bottleneck"] = UseBottleneck;
        json["intra_bottleneck_size"] = IntraBottleneckSize;
        json["true_hidden_size"] = AttentionWidth;
        json["use_bottleneck_attention"] = UseBottleneckAttention;
        json["key_query_shared_bottleneck"] = KeyQuerySharedBottleneck;
        json["num_feedforward_networks"] = NumFeedforwardNetworks;
        json["normalization_type"] = NormalizationType;
        json["classifier_activation"] = ClassifierActivation;
        json["type_vocab_size"] = TypeVocabSize;
        json["layer_norm_eps"] = LayerNormEpsilon;
    }

    private protected override void ValidateOwn()
    {
        InRange("embedding_size", EmbeddingSize, 1, FillsMasks ? HiddenSize : OptionLimits.Width);
        InRange("intra_bottleneck_size", IntraBottleneckSize, 1, OptionLimits.Width);
        InRange("num_feedforward_networks", NumFeedforwardNetworks, 1, OptionLimits.Layers);
        if (NormalizationType is not (NoNormType or LayerNormType))
            throw new InvalidDataException($"normalization_type is '{ForeignText.Quote(NormalizationType)}', expected '{NoNormType}' or '{LayerNormType}'.");
    }
}
