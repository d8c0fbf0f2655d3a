using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Models;

/// <summary>Architecture of a GPT-2 model: the part of Hugging Face's <c>config.json</c> that changes what is computed.</summary>
/// <remarks>Names and defaults follow <c>GPT2Config</c> of transformers.</remarks>
public sealed record Gpt2Config
{
    private const int MaxVocabulary = 4_194_304;
    private const long MaxParameters = 20_000_000_000;

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

    /// <summary>Width inside the MLP with the default applied.</summary>
    internal int InnerWidth => NInner ?? 4 * NEmbd;

    /// <summary>Number of trained numbers; the head is tied to <c>wte</c> and counted once.</summary>
    public long ParameterCount => ParametersPerLayer * NLayer + ((long)VocabSize + NPositions + 2) * NEmbd;

    /// <summary>ln_1, attn.c_attn, attn.c_proj, ln_2, mlp.c_fc and mlp.c_proj: weights and biases.</summary>
    internal long ParametersPerLayer => 4L * NEmbd + (4L * NEmbd + 4) * NEmbd + (2L * NEmbd + 1) * InnerWidth + NEmbd;

    /// <summary>Reads and checks a <c>config.json</c>.</summary>
    /// <exception cref="InvalidDataException">The file is missing or not a GPT-2 configuration; the message names the field.</exception>
    public static Gpt2Config Load(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new InvalidDataException($"'{file.Name}' is missing. A model folder needs config.json beside its weights.");
        if (file.Length > FileLimits.ConfigBytes)
            throw new InvalidDataException(
                $"'{file.Name}' has {file.Length} bytes, expected at most {FileLimits.ConfigBytes}. It is not a model configuration.");
        return Parse(File.ReadAllText(path));
    }

    /// <summary>Reads and checks the text of a <c>config.json</c>. Fields that do not change the computation are ignored.</summary>
    /// <exception cref="InvalidDataException">Not JSON, a required field is missing, a value is out of range, or the architecture is not
    /// supported.</exception>
    public static Gpt2Config Parse(string json)
    {
        JsonElement root;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            root = document.RootElement.Clone();
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"config.json is not valid JSON: {problem.Message}", problem);
        }
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"config.json holds a JSON {root.ValueKind}, expected an object.");

        RequireValue(root, "model_type", "gpt2");
        RequireSwitch(root, "tie_word_embeddings", required: true);
        RequireSwitch(root, "scale_attn_weights", required: true);
        RequireSwitch(root, "scale_attn_by_inverse_layer_idx", required: false);
        RequireSwitch(root, "add_cross_attention", required: false);

        var config = new Gpt2Config
        {
            VocabSize = Integer(root, "vocab_size") ?? throw Missing("vocab_size"),
            NPositions = Integer(root, "n_positions") ?? throw Missing("n_positions"),
            NEmbd = Integer(root, "n_embd") ?? throw Missing("n_embd"),
            NLayer = Integer(root, "n_layer") ?? throw Missing("n_layer"),
            NHead = Integer(root, "n_head") ?? throw Missing("n_head"),
            NInner = Integer(root, "n_inner"),
            LayerNormEpsilon = Number(root, "layer_norm_epsilon") ?? 1e-5,
            InitializerRange = Number(root, "initializer_range") ?? 0.02,
            ActivationFunction = Text(root, "activation_function") ?? "gelu_new",
            EmbdPdrop = Number(root, "embd_pdrop") ?? 0.1,
            AttnPdrop = Number(root, "attn_pdrop") ?? 0.1,
            ResidPdrop = Number(root, "resid_pdrop") ?? 0.1,
            BosTokenId = Integer(root, "bos_token_id"),
            EosTokenId = Integer(root, "eos_token_id"),
        };
        config.Validate();
        return config;
    }

    /// <summary>The <c>config.json</c> that Hugging Face's transformers reads back as this model.</summary>
    public string ToJson()
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["model_type"] = "gpt2",
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

    /// <summary>Checks every field before anything is allocated from it.</summary>
    /// <exception cref="InvalidDataException">Names the field, its value and what was expected.</exception>
    public void Validate()
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
        if (ParameterCount > MaxParameters)
            throw new InvalidDataException(
                $"The configuration describes {ParameterCount:N0} parameters, expected at most {MaxParameters:N0}.");
        if (!s_activations.Contains(ActivationFunction))
            throw new InvalidDataException(
                $"activation_function '{ForeignText.Quote(ActivationFunction)}' is not supported, expected one of: {string.Join(", ", s_activations)}.");
        if (!(LayerNormEpsilon > 0 && LayerNormEpsilon < 1))
            throw new InvalidDataException($"layer_norm_epsilon is {LayerNormEpsilon}, expected a number between 0 and 1, usually 1e-5.");
        if (!(InitializerRange >= 0 && double.IsFinite(InitializerRange)))
            throw new InvalidDataException(
                $"initializer_range is {InitializerRange}, expected a finite number of at least 0, usually 0.02.");
        foreach ((string name, double value) in new[] { ("embd_pdrop", EmbdPdrop), ("attn_pdrop", AttnPdrop), ("resid_pdrop", ResidPdrop) })
        {
            if (!(value >= 0 && value < 1))
                throw new InvalidDataException($"{name} is {value}, expected 0 <= p < 1.");
        }
    }

    private static void InRange(string name, int value, int minimum, int maximum)
    {
        if (value < minimum || value > maximum)
            throw new InvalidDataException($"{name} is {value}, expected {minimum} to {maximum}.");
    }

    private static InvalidDataException Missing(string name) =>
        new($"config.json has no '{name}'. It is needed to build the model.");

    private static InvalidDataException Mistyped(string name, JsonElement value, string expected) =>
        new($"config.json: '{name}' is {ForeignText.Quote(value.GetRawText())}, expected {expected}.");

    private static bool TryGet(JsonElement root, string name, out JsonElement value) =>
        root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static int? Integer(JsonElement root, string name)
    {
        if (!TryGet(root, name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : throw Mistyped(name, value, "a whole number");
    }

    private static double? Number(JsonElement root, string name)
    {
        if (!TryGet(root, name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Mistyped(name, value, "a number");
    }

    private static string? Text(JsonElement root, string name)
    {
        if (!TryGet(root, name, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.String)
            throw Mistyped(name, value, "a text");
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)   // a lone surrogate
        {
            throw Mistyped(name, value, "a text of whole characters");
        }
    }

    private static void RequireValue(JsonElement root, string name, string required)
    {
        string? text = Text(root, name);
        if (text is not null && text != required)
            throw new InvalidDataException($"config.json: {name} is '{ForeignText.Quote(text)}', expected '{required}'. Only GPT-2 models are supported.");
    }

    private static void RequireSwitch(JsonElement root, string name, bool required)
    {
        if (!TryGet(root, name, out JsonElement value))
            return;
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw Mistyped(name, value, "true or false");
        if (value.GetBoolean() != required)
            throw new InvalidDataException(
                $"config.json: {name} is {value.GetRawText()}, only {(required ? "true" : "false")} is supported.");
    }
}
