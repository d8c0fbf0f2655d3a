using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Models.Recurrent;

/// <summary>
/// Architecture of a bidirectional LSTM that sorts texts into classes. E numbers per token id, H per direction, C = 2 H between the layers. It has no attention and no positions: what
/// stands before and after a token is what it knows of its place.
/// </summary>
/// <remarks>Its config.json is this project's own, in the words of PyTorch's LSTM; no model of this kind is published for transformers.</remarks>
public sealed record BiLstmConfig : Architecture
{
    /// <summary>V: number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>E: numbers per token id.</summary>
    public required int EmbeddingDim { get; init; }

    /// <summary>H: numbers per token in one direction.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers, each of both directions.</summary>
    public required int NumLayers { get; init; }

    /// <summary>D: width of the dense layer between the last states and the classes; 0 has none.</summary>
    public int DenseSize { get; init; }

    /// <summary>Dropout between the layers, and before the classes.</summary>
    public double Dropout { get; init; }

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    public double InitializerRange { get; init; } = 0.05;

    /// <summary>Most tokens of one text that are accepted; the model itself has no bound.</summary>
    public int MaxLength { get; init; } = OptionLimits.Positions;

    /// <summary>Id that ends a text; null if the file names none.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>Its classes.</summary>
    public required ClassHead Classes { get; init; }

    /// <inheritdoc/>
    public override ModelFamily Family => BiLstmFamily.Instance;

    /// <inheritdoc/>
    public override ModelHead Head => ModelHead.Classes;

    /// <inheritdoc/>
    public override int VocabularySize => VocabSize;

    /// <inheritdoc/>
    public override int Positions => MaxLength;

    /// <inheritdoc/>
    /// <remarks>C = 2 H, both directions side by side.</remarks>
    public override int Width => 2 * HiddenSize;

    /// <inheritdoc/>
    /// <remarks>D: it has no feed-forward part inside a layer.</remarks>
    public override int InnerWidth => DenseSize;

    /// <inheritdoc/>
    public override int Layers => NumLayers;

    /// <inheritdoc/>
    /// <remarks>None.</remarks>
    public override int Heads => 0;

    /// <inheritdoc/>
    public override int? EndOfTextId => EosTokenId;

    /// <inheritdoc/>
    /// <remarks>Of each direction of a layer 4 H · (inputs + H + 2): four gates, and two biases as PyTorch stores them.</remarks>
    public override long ParameterCount =>
        (long)VocabSize * EmbeddingDim + Enumerable.Range(0, NumLayers).Sum(layer => 8L * HiddenSize * (InputsOf(layer) + HiddenSize + 2L))
        + (DenseSize > 0 ? (Width + 1L) * DenseSize : 0) + (PooledWidth + 1L) * Classes.Count;

    internal override ClassHead TextClasses => Classes;

    internal override Architecture WithClasses(ClassHead classes) => this with { Classes = classes };

    internal override int PooledWidth => DenseSize > 0 ? DenseSize : Width;

    /// <summary>What one direction has of a width.</summary>
    /// <exception cref="InvalidDataException">It is odd.</exception>
    internal static int HalfOf(int width) => width % 2 == 0 ? width / 2
        : throw new InvalidDataException($"The width {width} of a BiLSTM is odd, expected an even one: each of its two directions has half of it. Choose {width + 1}.");

    /// <summary>Numbers per token that go into a layer.</summary>
    internal int InputsOf(int layer) => layer == 0 ? EmbeddingDim : Width;

    /// <inheritdoc/>
    public override Architecture WithLayers(int layers) => this with { NumLayers = layers };

    /// <inheritdoc/>
    /// <remarks>Each direction has half of it. There are no heads.</remarks>
    /// <exception cref="InvalidDataException">The width is odd.</exception>
    public override Architecture WithWidth(int width, int heads) =>
        this with { HiddenSize = HalfOf(width), DenseSize = (int)Math.Clamp((long)DenseSize * width / Width, DenseSize > 0 ? 1 : 0, int.MaxValue) };

    /// <inheritdoc/>
    public override Architecture WithDropout(double probability) => this with { Dropout = probability };

    /// <inheritdoc/>
    public override Architecture WithInitialiserRange(double range) => this with { InitializerRange = range };

    /// <inheritdoc/>
    /// <remarks>Dense layer and classes are computed once per text.</remarks>
    public override double ForwardFlopsPerToken(double sequenceLength)
    {
        double ofLayers = Enumerable.Range(0, NumLayers).Sum(layer => 8.0 * HiddenSize * (InputsOf(layer) + HiddenSize));
        double ofText = (double)Width * DenseSize + (double)PooledWidth * Classes.Count;
        return 2 * (ofLayers + ofText / Math.Max(1, sequenceLength));
    }

    /// <inheritdoc/>
    /// <remarks>It writes nothing.</remarks>
    public override long CachedNumbersPerToken => 0;

    /// <inheritdoc/>
    /// <remarks>Of each direction four gates, the cell and the state; and what goes into the next layer, whether or not something of it was dropped.</remarks>
    public override long ActivationsPerTokenAndLayer(bool hasDropout, int context) => 12L * HiddenSize + Width;

    /// <inheritdoc/>
    public override string ToJson()
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray("BiLstmForSequenceClassification"),
            ["model_type"] = Family.Name,
            ["vocab_size"] = VocabSize,
            ["embedding_dim"] = EmbeddingDim,
            ["hidden_size"] = HiddenSize,
            ["num_layers"] = NumLayers,
            ["bidirectional"] = true,
            ["dense_size"] = DenseSize,
            ["dropout"] = Dropout,
            ["initializer_range"] = InitializerRange,
            ["max_length"] = MaxLength,
            ["torch_dtype"] = "float32",
        };
        if (EosTokenId is not null)
            json["eos_token_id"] = EosTokenId;
        Classes.Write(json);
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        InRange("vocab_size", VocabSize, 1, MaxVocabulary);
        InRange("embedding_dim", EmbeddingDim, 1, OptionLimits.Width);
        InRange("hidden_size", HiddenSize, 1, OptionLimits.Width / 2);
        InRange("num_layers", NumLayers, 1, OptionLimits.Layers);
        InRange("dense_size", DenseSize, 0, 16 * OptionLimits.Width);
        InRange("max_length", MaxLength, 1, OptionLimits.Positions);
        IsProbability("dropout", Dropout);
        ValidateNumbers(InitializerRange);
    }
}
