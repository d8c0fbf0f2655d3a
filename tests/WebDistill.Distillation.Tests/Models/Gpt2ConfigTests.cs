using System.Text.Json.Nodes;
using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Tests.Models;

public sealed class Gpt2ConfigTests
{
    private const string Small =
        """{"model_type":"gpt2","vocab_size":50257,"n_positions":1024,"n_embd":768,"n_layer":12,"n_head":12,"future_field":{"x":1}}""";

    [Fact]
    public void Parse_Gpt2Small_CountsItsParameters()
    {
        Gpt2Config config = Parsed();
        Assert.Equal(124_439_808, config.ParameterCount);
        Assert.Equal(81_912_576, (config with { NLayer = 6 }).ParameterCount);
        Assert.Equal((0.1, 0.02, 1e-5), (config.ResidPdrop, config.InitializerRange, config.LayerNormEpsilon));
    }

    private static Gpt2Config Parsed() => (Gpt2Config)Architecture.Parse(Small);

    [Fact]
    public void ToJson_ParsedAgain_IsTheSame()
    {
        Gpt2Config config = Parsed() with { NInner = 1000, EosTokenId = 5, EmbdPdrop = 0, LayerNormEpsilon = 1e-6 };
        Assert.Equal(config, Architecture.Parse(config.ToJson()));
    }

    [Theory]
    [InlineData("n_head", "7", "n_head 7 does not divide n_embd 768")]
    [InlineData("n_head", "0", "n_head is 0")]
    [InlineData("n_layer", "0", "n_layer is 0")]
    [InlineData("n_layer", "1000000", "n_layer is 1000000")]
    [InlineData("n_positions", "2000000000", "n_positions is 2000000000")]
    [InlineData("n_embd", "60000", "parameters")]
    [InlineData("vocab_size", "-1", "vocab_size is -1")]
    [InlineData("vocab_size", "1e400", "'vocab_size' is 1e400")]
    [InlineData("vocab_size", "\"many\"", "'vocab_size' is \"many\"")]
    [InlineData("vocab_size", "null", "no 'vocab_size'")]
    [InlineData("n_inner", "0", "n_inner is 0")]
    [InlineData("activation_function", "\"silu\"", "activation_function 'silu' is not supported")]
    [InlineData("activation_function", "3", "'activation_function' is 3")]
    [InlineData("model_type", "\"llama\"", "model_type is 'llama'")]
    [InlineData("tie_word_embeddings", "false", "tie_word_embeddings is false")]
    [InlineData("scale_attn_weights", "false", "scale_attn_weights is false")]
    [InlineData("scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx is true")]
    [InlineData("add_cross_attention", "1", "'add_cross_attention' is 1")]
    [InlineData("layer_norm_epsilon", "0", "layer_norm_epsilon is 0")]
    [InlineData("attn_pdrop", "1", "attn_pdrop is 1")]
    [InlineData("initializer_range", "-1", "initializer_range is -1")]
    public void Parse_BadField_NamesItAndItsValue(string field, string value, string expected)
    {
        JsonObject json = JsonNode.Parse(Small)!.AsObject();
        json.Remove(field);
        string text = json.ToJsonString();
        string changed = $"{text[..^1]},\"{field}\":{value}}}";
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Architecture.Parse(changed)).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    public void Parse_NotAnObject_IsRefused(string text) =>
        Assert.Contains("config.json", Assert.Throws<InvalidDataException>(() => Architecture.Parse(text)).Message);

    [Fact]
    public void Load_MissingFile_IsNamed()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("config.json", Assert.Throws<InvalidDataException>(() => Architecture.Load(folder.File("config.json"))).Message);
    }
}
