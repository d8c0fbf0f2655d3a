using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>
/// Architecture of a model that reads a text from both sides: what BERT, DistilBERT, ALBERT and MobileBERT have in common of Hugging Face's
/// <c>config.json</c>. C is the width, E that of the token embeddings.
/// </summary>
/// <remarks>What each file calls it, <see cref="EncoderFields"/> say; a family's own record adds the rest.</remarks>
public abstract record EncoderConfig : Architecture
{
    /// <summary>V: number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Longest sequence, the number of rows of the position embeddings.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>C: numbers per token between the layers.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers that a text passes.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>H: attention heads per layer.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Width inside a feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Sentences that a text can consist of and the model tells apart; 0 tells none apart.</summary>
    public int TypeVocabSize { get; init; } = 2;

    /// <summary>Name of the feed-forward part's activation as Hugging Face spells it.</summary>
    public string HiddenAct { get; init; } = "gelu";

    /// <summary>Dropout after the embeddings and at the end of each residual branch.</summary>
    public double HiddenDropout { get; init; } = 0.1;

    /// <summary>Dropout of the attention probabilities.</summary>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>Dropout before the classes; null takes <see cref="HiddenDropout"/>.</summary>
    public double? ClassifierDropout { get; init; }

    /// <summary>Added to the variance in every layer norm.</summary>
    public double LayerNormEpsilon { get; init; } = 1e-12;

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Id of the padding, whose embedding learns nothing from being looked up.</summary>
    public int PadTokenId { get; init; }

    /// <summary>Id that begins a text; null if the file names none, as most do.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Id that ends a text; null if the file names none, as most do.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>Its classes; null without a head for them.</summary>
    public ClassHead? Classes { get; init; }

    /// <summary>Whether it fills masked words.</summary>
    public bool FillsMasks { get; init; }

    /// <inheritdoc/>
    public sealed override ModelHead Head => FillsMasks ? ModelHead.MaskedToken : Classes is null ? ModelHead.None : ModelHead.Classes;

    /// <inheritdoc/>
    public sealed override int VocabularySize => VocabSize;

    /// <inheritdoc/>
    public sealed override int Positions => MaxPositionEmbeddings;

    /// <inheritdoc/>
    public sealed override int Width => HiddenSize;

    /// <inheritdoc/>
    public sealed override int InnerWidth => IntermediateSize;

    /// <inheritdoc/>
    public sealed override int Layers => NumHiddenLayers;

    /// <inheritdoc/>
    public sealed override int Heads => NumAttentionHeads;

    /// <inheritdoc/>
    public sealed override int? EndOfTextId => EosTokenId;

    internal sealed override int TokenTypes => TypeVocabSize;

    internal sealed override ClassHead? TextClasses => Classes;

    internal sealed override Architecture WithClasses(ClassHead classes) => this with { FillsMasks = false, Classes = classes };

    /// <summary>E: numbers per token id in the table of the token embeddings.</summary>
    internal virtual int EmbeddingWidth => HiddenSize;

    /// <summary>Numbers per token that positions and token types add to, and the norm of the embeddings sees.</summary>
    internal virtual int SummedWidth => EmbeddingWidth;

    /// <summary>Numbers per token that the masked-word head's transform makes.</summary>
    internal virtual int TransformedWidth => EmbeddingWidth;

    /// <summary>Whether a dense layer stands between the first token's hidden state and the classes.</summary>
    internal virtual bool HasPooler => !FillsMasks;

    /// <summary>Blocks with weights of their own.</summary>
    private protected virtual int DistinctBlocks => NumHiddenLayers;

    /// <summary>Weights of one block: four projections, the two halves of the feed-forward part, two norms.</summary>
    private protected virtual long ParametersPerBlock => Numbers(Width, Width) * 4 + Numbers(Width, InnerWidth) + Numbers(InnerWidth, Width) + 4L * Width;

    /// <summary>Weights between the tables of the embeddings and the first block, those of the norm excluded.</summary>
    private protected virtual long ParametersOfWidening => 0;

    /// <summary>Weights of the output projection beside the token embeddings that it is tied to, and its bias.</summary>
    private protected virtual long ParametersOfOutput => 0;

    /// <inheritdoc/>
    /// <remarks>The output projection is tied to the token embeddings.</remarks>
    public sealed override long ParameterCount =>
        (long)VocabSize * EmbeddingWidth + ((long)MaxPositionEmbeddings + TypeVocabSize + 2) * SummedWidth + ParametersOfWidening
        + DistinctBlocks * ParametersPerBlock + (HasPooler ? Numbers(Width, Width) : 0)
        + (FillsMasks ? Numbers(Width, TransformedWidth) + 2L * TransformedWidth + ParametersOfOutput + VocabSize : 0)
        + (Classes is null ? 0 : Numbers(Width, Classes.Count));

    /// <summary>Multiply-adds of one token in one block, those of its attention over a text excluded.</summary>
    private protected virtual double ProductsPerBlock => 4.0 * Width * Width + 2.0 * Width * InnerWidth;

    /// <summary>Multiply-adds of one token before the first block.</summary>
    private protected virtual double ProductsOfWidening => 0;

    /// <inheritdoc/>
    /// <remarks>Each token attends to the whole sequence. The masked-word head answers every token; pooler and classes are computed once per text.</remarks>
    public sealed override double ForwardFlopsPerToken(double sequenceLength)
    {
        double ofText = (HasPooler ? (double)Width * Width : 0) + (Classes is null ? 0 : (double)Width * Classes.Count);
        double ofMasks = FillsMasks ? (double)Width * TransformedWidth + (double)TransformedWidth * VocabSize : 0;
        return 2 * (ProductsOfWidening + NumHiddenLayers * (ProductsPerBlock + 2 * sequenceLength * AttentionWidth) + ofMasks + ofText / Math.Max(1, sequenceLength));
    }

    /// <inheritdoc/>
    /// <remarks>It writes nothing.</remarks>
    public sealed override long CachedNumbersPerToken => 0;

    /// <summary>
    /// Of the norms the two inputs and outputs, q, k and v, attention's result and statistics, and the two sides of the activation. With dropout libtorch's
    /// attention keeps the probabilities, the factors that drop them and what is left; dropout in the residual branches is made again.
    /// </summary>
    public override long ActivationsPerTokenAndLayer(bool hasDropout, int context) =>
        8L * Width + 2L * InnerWidth + Heads + (hasDropout ? ActivationsOfDroppedAttention(context) : 0);

    /// <summary>Floats per token that attention keeps beside its inputs and its result as soon as it drops.</summary>
    private protected long ActivationsOfDroppedAttention(int context) => 3L * Heads * context;

    /// <inheritdoc/>
    public override Architecture WithLayers(int layers) => this with { NumHiddenLayers = layers };

    /// <inheritdoc/>
    public override Architecture WithWidth(int width, int heads) => this with
    {
        HiddenSize = width, NumAttentionHeads = heads, IntermediateSize = Scaled(IntermediateSize, width),
    };

    internal sealed override Architecture WithInnerWidth(int width) => this with { IntermediateSize = width };

    /// <inheritdoc/>
    public sealed override Architecture WithDropout(double probability) => this with
    {
        HiddenDropout = probability, AttentionDropout = probability, ClassifierDropout = ClassifierDropout is null ? null : probability,
    };

    /// <inheritdoc/>
    public sealed override Architecture WithInitialiserRange(double range) => this with { InitializerRange = range };

    /// <inheritdoc/>
    public sealed override string ToJson()
    {
        var family = (EncoderFamily)Family;
        EncoderFields names = family.Fields;
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(family.ClassName(Head)),
            ["model_type"] = family.Name,
            ["vocab_size"] = VocabSize,
            ["max_position_embeddings"] = MaxPositionEmbeddings,
            [names.Width] = HiddenSize,
            [names.Layers] = NumHiddenLayers,
            [names.Heads] = NumAttentionHeads,
            [names.Inner] = IntermediateSize,
            [names.Activation] = HiddenAct,
            [names.Dropout] = HiddenDropout,
            [names.AttentionDropout] = AttentionDropout,
            [names.ClassifierDropout] = ClassifierDropout,
            ["initializer_range"] = InitializerRange,
            ["pad_token_id"] = PadTokenId,
            ["tie_word_embeddings"] = true,
            ["torch_dtype"] = "float32",
        };
        foreach ((string name, int? id) in new[] { ("bos_token_id", BosTokenId), ("eos_token_id", EosTokenId) })
        {
            if (id is not null)
                json[name] = id;
        }
        WriteOwn(json);
        Classes?.Write(json);
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    /// <summary>Adds the fields that not every family has.</summary>
    private protected abstract void WriteOwn(JsonObject json);

    /// <inheritdoc/>
    public override void Validate()
    {
        EncoderFields names = ((EncoderFamily)Family).Fields;
        InRange("vocab_size", VocabSize, 1, MaxVocabulary);
        InRange("max_position_embeddings", MaxPositionEmbeddings, 1, OptionLimits.Positions);
        InRange(names.Width, HiddenSize, 1, OptionLimits.Width);
        InRange(names.Layers, NumHiddenLayers, 1, OptionLimits.Layers);
        InRange(names.Heads, NumAttentionHeads, 1, OptionLimits.Width);
        InRange(names.Inner, IntermediateSize, 1, 16 * OptionLimits.Width);
        InRange("type_vocab_size", TypeVocabSize, 0, OptionLimits.Positions);
        InRange("pad_token_id", PadTokenId, 0, VocabSize - 1);
        ValidateOwn();
        if (AttentionWidth % NumAttentionHeads != 0)
            throw new InvalidDataException($"{names.Heads} {NumAttentionHeads} does not divide {names.AttentionWidth} {AttentionWidth}. Every head needs the same whole "
                + "number of channels.");
        if (!Activation.Names.Contains(HiddenAct))
            throw new InvalidDataException(
                $"{names.Activation} '{ForeignText.Quote(HiddenAct)}' is not supported, expected one of: {string.Join(", ", Activation.Names)}.");
        ValidateNumbers("layer_norm_eps", LayerNormEpsilon, InitializerRange);
        IsProbability(names.Dropout, HiddenDropout);
        IsProbability(names.AttentionDropout, AttentionDropout);
        if (ClassifierDropout is double dropout)
            IsProbability(names.ClassifierDropout, dropout);
    }

    /// <summary>Checks the fields that not every family has.</summary>
    private protected virtual void ValidateOwn()
    {
    }

    /// <summary>A size that stays in proportion to the width.</summary>
    private protected int Scaled(int size, int width) => (int)Math.Clamp((long)size * width / HiddenSize, 1, int.MaxValue);

    /// <summary>Weights and biases of a linear layer.</summary>
    private protected static long Numbers(long inputs, long outputs) => (inputs + 1) * outputs;
}

/// <summary>What the file of a family calls what all have.</summary>
/// <param name="AttentionWidth">The width that the heads divide.</param>
internal sealed record EncoderFields(
    string Width, string Layers, string Heads, string Inner, string Activation, string Dropout, string AttentionDropout, string ClassifierDropout,
    string AttentionWidth)
{
    /// <summary>BERT's.</summary>
    public static EncoderFields Bert { get; } = new(
        "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "classifier_dropout", "hidden_size");
}
