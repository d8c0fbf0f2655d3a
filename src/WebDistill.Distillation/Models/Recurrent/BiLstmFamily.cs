using System.Text.RegularExpressions;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Recurrent;

/// <summary>Bidirectional LSTMs that sort texts into classes.</summary>
internal sealed partial class BiLstmFamily : ModelFamily
{
    public static readonly BiLstmFamily Instance = new();

    private BiLstmFamily()
    {
    }

    public override string Name => "bilstm";

    public override string Title => "BiLSTM";

    public override string What => "Word vectors and a recurrent network that reads a text once from each side; the two last states tell its class. Without attention: a hundred times smaller and "
        + "faster than the transformer that it learns from.";

    public override string Source => "Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005; as a student Tang et al. 2019";

    public override bool ContinuesTexts => false;

    public override bool PredictsTokens => false;

    public override bool HasAttention => false;

    public override bool IsInTransformers => false;

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string>();

    internal override Architecture Parse(ConfigFields fields)
    {
        fields.RequireSwitch("bidirectional", required: true);
        return new BiLstmConfig
        {
            VocabSize = fields.RequiredInteger("vocab_size"),
            EmbeddingDim = fields.RequiredInteger("embedding_dim"),
            HiddenSize = fields.RequiredInteger("hidden_size"),
            NumLayers = fields.RequiredInteger("num_layers"),
            DenseSize = fields.Integer("dense_size") ?? 0,
            Dropout = fields.Number("dropout") ?? 0,
            InitializerRange = fields.Number("initializer_range") ?? 0.05,
            MaxLength = fields.Integer("max_length") ?? OptionLimits.Positions,
            EosTokenId = fields.Integer("eos_token_id"),
            Classes = ClassHead.Parse(fields),
        };
    }

    internal override Architecture Create(NewModel model) => new BiLstmConfig
    {
        VocabSize = model.VocabularySize, EmbeddingDim = model.Width, HiddenSize = BiLstmConfig.HalfOf(model.Width), NumLayers = model.Layers, DenseSize = model.Width, Dropout = 0.1,
        MaxLength = model.Positions, EosTokenId = model.EndOfTextId, Classes = new ClassHead(["LABEL_0", "LABEL_1"], ProblemType.SingleLabel),
    };

    internal override TextModel Build(Architecture architecture, Device device) => new BiLstm((BiLstmConfig)architecture, device);

    // PyTorch numbers its layers behind the weights' names; everybody else here has the number before.
    internal override string StoredName(string weight) =>
        OfLayer().Replace(weight, found => $"lstm.{found.Groups[3].Value}_l{found.Groups[1].Value}{(found.Groups[2].Value == LstmLayer.Reverse ? "_reverse" : "")}");

    internal override string? WeightName(string stored, Architecture architecture) =>
        StoredOfLayer().Replace(stored, found => $"lstm.{found.Groups[2].Value}.{(found.Groups[3].Success ? LstmLayer.Reverse : LstmLayer.Forward)}.{found.Groups[1].Value}");

    [GeneratedRegex(@"^lstm\.(\d+)\.(forward|reverse)\.(weight_ih|weight_hh|bias_ih|bias_hh)$")]
    private static partial Regex OfLayer();

    [GeneratedRegex(@"^lstm\.(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)(_reverse)?$")]
    private static partial Regex StoredOfLayer();
}
