using System.Text.Json.Nodes;
using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

public sealed class BiLstmTests
{
    private const string Json = """{"model_type":"bilstm","vocab_size":40,"embedding_dim":6,"hidden_size":5,"num_layers":2,"dense_size":7,"id2label":{"0":"no","1":"yes","2":"perhaps"}}""";

    private static readonly BiLstmConfig s_config = (BiLstmConfig)Architecture.Parse(Json);

    /// <summary>Texts alone, behind each other, and with padding of any ids on either side: logits, states and every gradient are the same.</summary>
    [Fact]
    public void Padding_OnWhicheverSide_ChangesNothing()
    {
        using DisposeScope scope = NewDisposeScope();
        long[][] texts = [[3, 1, 4, 1, 5], [9, 2], [6]];
        (float[] Logits, Dictionary<string, float[]> Gradients) alone = Run([.. texts.Select(text => new ModelInput(tensor(text, [1, text.Length])))]);
        foreach (bool left in new[] { true, false })
        {
            (float[] Logits, Dictionary<string, float[]> Gradients) padded = Run([new ModelInput(
                tensor([.. texts.SelectMany(text => Pad(text, 11, left))], [3, 7]), tensor([.. texts.SelectMany(text => Pad([.. text.Select(_ => 1L)], 0, left))], [3, 7]))]);
            GoldenFiles.AssertClose(alone.Logits, padded.Logits, 1e-6, "logits");
            foreach ((string name, float[] gradient) in alone.Gradients)
                GoldenFiles.AssertClose(gradient, padded.Gradients[name], 1e-5, name);
        }

        static IEnumerable<long> Pad(long[] text, long id, bool left) =>
            left ? Enumerable.Repeat(id, 7 - text.Length).Concat(text) : text.Concat(Enumerable.Repeat(id, 7 - text.Length));

        static (float[], Dictionary<string, float[]>) Run(ModelInput[] inputs)
        {
            using TextModel model = Model(s_config with { InitializerRange = 0.5 });
            Tensor logits = cat([.. inputs.Select(input => model.ClassLogits(model.Forward(input, Wants.Pooled).Pooled!))]);
            (logits * logits.detach().cos()).sum().backward();
            BackwardResults.End();
            return (ParameterData.ToArray(logits), model.named_parameters().ToDictionary(pair => pair.name, pair => ParameterData.ToArray(pair.parameter.grad!)));
        }
    }

    [Fact]
    public void Forward_AtPadding_StatesAreZero()
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel model = Model(s_config);
        float[] hidden = ParameterData.ToArray(model.Hidden(new ModelInput(tensor([3L, 1, 9, 9], [1, 4]), tensor([1L, 1, 0, 0], [1, 4]))));
        Assert.All(hidden[..(2 * 10)], value => Assert.NotEqual(0, value));
        Assert.All(hidden[(2 * 10)..], value => Assert.Equal(0, value));
    }

    /// <summary>Weights that are not trained get no gradient, and the others the same as before.</summary>
    [Fact]
    public void Gradients_RecurrentWeightsThatAreFrozen_GetNone()
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel model = Model(s_config);
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in model.named_parameters())
            parameter.requires_grad = !name.EndsWith("weight_hh", StringComparison.Ordinal);
        model.ClassLogits(model.Forward(new ModelInput(tensor([3L, 1, 4], [1, 3])), Wants.Pooled).Pooled!).sum().backward();
        BackwardResults.End();
        Assert.All(model.named_parameters(), pair => Assert.Equal(pair.parameter.requires_grad, pair.parameter.grad is not null));
    }

    [Fact]
    public void CreateRandom_ForgetGatesAreOpen_AndOtherBiasesAreZero()
    {
        using TextModel model = Model(s_config);
        Dictionary<string, float[]> weights = SmallModels.Weights(model);
        Assert.Equal([.. Enumerable.Repeat(0f, 5), .. Enumerable.Repeat(1f, 5), .. Enumerable.Repeat(0f, 10)], weights["lstm.1.reverse.bias_ih"]);
        Assert.All(weights["lstm.0.forward.bias_hh"].Concat(weights["dense.bias"]).Concat(weights["fc.bias"]), value => Assert.Equal(0, value));
    }

    /// <summary>That of Tang et al. without its embeddings: 300 numbers per word, 150 per direction, one layer.</summary>
    [Fact]
    public void ParameterCount_OfThePublishedLayer_IsThatOfThePaper()
    {
        BiLstmConfig tang = s_config with { VocabSize = 1, EmbeddingDim = 300, HiddenSize = 150, NumLayers = 1, DenseSize = 0 };
        Assert.Equal(542_400 + 300 + (300 + 1) * 3, tang.ParameterCount);
        Assert.Equal(2 * (542_400 - 2 * 4 * 300 + 3.0 * 300 / 10), tang.ForwardFlopsPerToken(10));
    }

    [Fact]
    public void Parse_WhatConfigJsonSays_ComesBack()
    {
        Assert.Equal((40, 6, 5, 10, 2, 7, 3), (s_config.VocabSize, s_config.EmbeddingDim, s_config.HiddenSize, s_config.Width, s_config.Layers, s_config.DenseSize, s_config.Classes.Count));
        Assert.Equal(["no", "yes", "perhaps"], s_config.Classes.Labels);
        Assert.Equal((ModelHead.Classes, 0, 0.0), (s_config.Head, s_config.Heads, s_config.Dropout));
        Assert.Equal(s_config, Architecture.Parse(s_config.ToJson()));
        BiLstmConfig other = s_config with { Dropout = 0.2, InitializerRange = 0.1, MaxLength = 12, EosTokenId = 3 };
        Assert.Equal(other, Architecture.Parse(other.ToJson()));
    }

    [Theory]
    [InlineData("embedding_dim", "null", "no 'embedding_dim'")]
    [InlineData("hidden_size", "0", "hidden_size is 0, expected 1 to")]
    [InlineData("num_layers", "-1", "num_layers is -1, expected 1 to")]
    [InlineData("dense_size", "-1", "dense_size is -1, expected 0 to")]
    [InlineData("max_length", "0", "max_length is 0, expected 1 to")]
    [InlineData("dropout", "1", "dropout is 1, expected 0 <= p < 1")]
    [InlineData("bidirectional", "false", "bidirectional is false, only true is supported")]
    [InlineData("initializer_range", "-1", "initializer_range is -1")]
    [InlineData("vocab_size", "\"many\"", "'vocab_size' is \"many\", expected a whole number")]
    public void Parse_BadField_NamesItItsValueAndWhatWasExpected(string field, string value, string expected)
    {
        JsonObject changed = JsonNode.Parse(Json)!.AsObject();
        changed[field] = JsonNode.Parse(value);
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Architecture.Parse(changed.ToJsonString())).Message);
    }

    [Fact]
    public void WhatItCannotDo_IsRefused()
    {
        using TextModel model = Model(s_config);
        using DisposeScope scope = NewDisposeScope();
        Tensor ids = tensor([3L, 1], [1, 2]);
        Assert.Contains("Token types are given, and BiLSTM has none", Assert.Throws<ArgumentException>(() => model.Hidden(new ModelInput(ids, TokenTypeIds: zeros_like(ids)))).Message);
        Assert.Contains("no logits of words", Assert.Throws<InvalidOperationException>(() => model.Logits(zeros(1, 10))).Message);
        Assert.Contains("odd, expected an even one", Assert.Throws<InvalidDataException>(() => s_config.WithWidth(9, 1)).Message);
        // The first layer reads embeddings, the others what both directions made.
        Assert.Contains("Layer 0 reads 6 numbers per token and is to be copied from layer 1, which reads 10",
            Assert.Throws<ArgumentException>(() => TextModel.CreateFrom(s_config.WithLayers(1), model, [1])).Message);
        using TextModel first = TextModel.CreateFrom(s_config.WithLayers(1), model, [0]);
        Assert.Equal(SmallModels.Weights(model)["lstm.0.reverse.weight_hh"], SmallModels.Weights(first)["lstm.0.reverse.weight_hh"]);
    }

    private static TextModel Model(BiLstmConfig config) => TextModel.CreateRandom(config, 1);
}
