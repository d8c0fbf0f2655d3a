using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Models;

/// <summary>Architecture of a GPT-2 model: the part of Hugging Face's <c>config.json</c> that changes what is computed.</summary>
/// <remarks>Names and defaults follow <c>GPT2Config</c> of transformers.</remarks>
public sealed record Gpt2Config : Architecture
{
    /// <summary>Activation functions understood; both names mean 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    private static readonly string[] s_activations = ["gelu_new", "gelu_pytorch_tanh"];

    /// <summary>V: number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Longest sequence, the number of rows of <c>wpe</c>.</summary>
    public required int NPositions { get; init; }

    /// <summary>C: width of the residual stream.</summary>
    public required int NEmbd { get; init; }

    /// <summary>Number of transformer blocks.</summary>
    public required int NLayer { get; init; }

    /// <summary>H: attention heads per block; divides <see cref="NEmbd"/>.</summary>
    public required int NHead { get; init; }

    /// <summary>Width inside the MLP; null means 4·<see cref="NEmbd"/>.</summary>
    public int? NInner { get; init; }

    /// <summary>Epsilon added to the variance in every layer norm.</summary>
    public double LayerNormEpsilon { get; init; } = 1e-5;

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Name of the MLP's activation as Hugging Face spells it.</summary>
    public string ActivationFunction { get; init; } = "gelu_new";

    /// <summary>Dropout after the embeddings.</summary>
    public double EmbdPdrop { get; init; } = 0.1;

    /// <summary>Dropout of the attention probabilities.</summary>
    public double AttnPdrop { get; init; } = 0.1;

    /// <summary>Dropout at the end of each residual branch.</summary>
    public double ResidPdrop { get; init; } = 0.1;

    /// <summary>Id that begins a text; null if the file names none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Id that ends a text; null if the file names none.</summary>
    public int? EosTokenId { get; init; }

    /// <inheritdoc/>
    public override ModelFamily Family => Gpt2Family.Instance;

    /// <inheritdoc/>
    public override ModelHead Head => ModelHead.NextToken;

    /// <inheritdoc/>
    public override int VocabularySize => VocabSize;

    /// <inheritdoc/>
    public override int Positions => NPositions;

    /// <inheritdoc/>
    public override int Width => NEmbd;

    /// <inheritdoc/>
    public override int InnerWidth => NInner ?? 4 * NEmbd;

    /// <inheritdoc/>
    public override int Layers => NLayer;

    /// <inheritdoc/>
    public override int Heads => NHead;

    /// <inheritdoc/>
    public override int? EndOfTextId => EosTokenId;

    /// <inheritdoc/>
    /// <remarks>The head is tied to <c>wte</c>.</remarks>
    public override long ParameterCount => ParametersPerLayer * NLayer + ((long)VocabSize + NPositions + 2) * NEmbd;

    /// <summary>ln_1, attn.c_attn, attn.c_proj, ln_2, mlp.c_fc and mlp.c_proj: weights and biases.</summary>
    private long ParametersPerLayer => 4L * NEmbd + (4L * NEmbd + 4) * NEmbd + (2L * NEmbd + 1) * InnerWidth + NEmbd;

    /// <inheritdoc/>
    public override Architecture WithLayers(int layers) => this with { NLayer = layers };

    internal override Architecture WithInnerWidth(int width) => this with { NInner = width };

    /// <inheritdoc/>
    public override Architecture WithWidth(int width, int heads) => this with
    {
        NEmbd = width, NHead = heads, NInner = NInner is int inner ? (int)Math.Clamp((long)inner * width / NEmbd, 1, int.MaxValue) : null,
    };

    /// <inheritdoc/>
    public override Architecture WithDropout(double probability) => this with { EmbdPdrop = probability, AttnPdrop = probability, ResidPdrop = probability };

    /// <inheritdoc/>
    public override Architecture WithInitialiserRange(double range) => this with { InitializerRange = range };

    /// <inheritdoc/>
    public override string ToJson()
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["model_type"] = Family.Name,
            ["activation_function"] = ActivationFunction,
            ["vocab_size"] = VocabSize,
            ["n_positions"] = NPositions,
            ["n_ctx"] = NPositions,
            ["n_embd"] = NEmbd,
            ["n_layer"] = NLayer,
            ["n_head"] = NHead,
            ["n_inner"] = NInner,
            ["layer_norm_epsilon"] = LayerNormEpsilon,
            ["initializer_range"] = InitializerRange,
            ["embd_pdrop"] = EmbdPdrop,
            ["attn_pdrop"] = AttnPdrop,
            ["resid_pdrop"] = ResidPdrop,
            ["bos_token_id"] = BosTokenId,
            ["eos_token_id"] = EosTokenId,
            ["scale_attn_weights"] = true,
            ["tie_word_embeddings"] = true,
            ["use_cache"] = true,
            ["torch_dtype"] = "float32",
        };
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        InRange("vocab_size", VocabSize, 1, MaxVocabulary);
        InRange("n_positions", NPositions, 1, OptionLimits.Positions);
        InRange("n_embd", NEmbd, 1, OptionLimits.Width);
        InRange("n_layer", NLayer, 1, OptionLimits.Layers);
        InRange("n_head", NHead, 1, OptionLimits.Width);
        if (NInner is int inner)
            InRange("n_inner", inner, 1, 16 * OptionLimits.Width);
        if (NEmbd % NHead != 0)
            throw new InvalidDataException(
                $"n_head {NHead} does not divide n_embd {NEmbd}. Every head needs the same whole number of channels.");
        if (!s_activations.Contains(ActivationFunction))
            throw new InvalidDataException(
                $"activation_function '{ForeignText.Quote(ActivationFunction)}' is not supported, expected one of: {string.Join(", ", s_activations)}.");
        ValidateNumbers("layer_norm_epsilon", LayerNormEpsilon, InitializerRange);
        foreach ((string name, double value) in new[] { ("embd_pdrop", EmbdPdrop), ("attn_pdrop", AttnPdrop), ("resid_pdrop", ResidPdrop) })
            IsProbability(name, value);
    }
}
