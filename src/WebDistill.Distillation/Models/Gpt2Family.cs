using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>GPT-2 and what has its shape, such as DistilGPT2.</summary>
internal sealed partial class Gpt2Family : ModelFamily
{
    public static readonly Gpt2Family Instance = new();

    private const string Prefix = "transformer.";

    private Gpt2Family()
    {
    }

    public override string Name => "gpt2";

    public override string Title => "GPT-2";

    public override string What => "A transformer that reads a text from the left and predicts each next token: layer norms before attention and feed-forward part, learned positions, and an output "
        + "projection that is the token embedding.";

    public override string Source => "Radford et al. 2019";

    public override bool ContinuesTexts => true;

    internal override string UsualNormEpsilon => "1e-5";

    internal override IReadOnlyDictionary<string, string> TiedCopies { get; } = new Dictionary<string, string> { ["lm_head.weight"] = "wte.weight" };

    internal override Architecture Parse(ConfigFields fields)
    {
        fields.RequireSwitch("tie_word_embeddings", required: true);
        fields.RequireSwitch("scale_attn_weights", required: true);
        fields.RequireSwitch("scale_attn_by_inverse_layer_idx", required: false);
        fields.RequireSwitch("add_cross_attention", required: false);
        return new Gpt2Config
        {
            VocabSize = fields.RequiredInteger("vocab_size"),
            NPositions = fields.RequiredInteger("n_positions"),
            NEmbd = fields.RequiredInteger("n_embd"),
            NLayer = fields.RequiredInteger("n_layer"),
            NHead = fields.RequiredInteger("n_head"),
            NInner = fields.Integer("n_inner"),
            LayerNormEpsilon = fields.Number("layer_norm_epsilon") ?? 1e-5,
            InitializerRange = fields.Number("initializer_range") ?? 0.02,
            ActivationFunction = fields.Text("activation_function") ?? "gelu_new",
            EmbdPdrop = fields.Number("embd_pdrop") ?? 0.1,
            AttnPdrop = fields.Number("attn_pdrop") ?? 0.1,
            ResidPdrop = fields.Number("resid_pdrop") ?? 0.1,
            BosTokenId = fields.Integer("bos_token_id"),
            EosTokenId = fields.Integer("eos_token_id"),
        };
    }

    internal override Architecture Create(NewModel model) => new Gpt2Config
    {
        VocabSize = model.VocabularySize, NPositions = model.Positions, NEmbd = model.Width, NLayer = model.Layers, NHead = model.Heads,
        BosTokenId = model.EndOfTextId, EosTokenId = model.EndOfTextId,
    };

    internal override TextModel Build(Architecture architecture, Device device) => new Gpt2((Gpt2Config)architecture, device);

    internal override string StoredName(string weight) => Prefix + weight;

    internal override string? WeightName(string stored, Architecture architecture) => MaskBuffer().IsMatch(stored) ? null
        : stored.StartsWith(Prefix, StringComparison.Ordinal) ? stored[Prefix.Length..] : stored;

    /// <summary>The causal masks that old checkpoints hold.</summary>
    [GeneratedRegex(@"^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$")]
    private static partial Regex MaskBuffer();
}
