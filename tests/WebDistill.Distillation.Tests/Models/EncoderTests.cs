using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>What models that read a text from both sides do beside what golden numbers hold.</summary>
public sealed class EncoderTests
{
    private const int Vocabulary = 40, Positions = 12, Width = 16, Layers = 4, Heads = 2;

    private static readonly string[] s_families = [.. ModelFamilies.All.OfType<EncoderFamily>().Select(family => family.Name)];

    public static TheoryData<string> Families => [.. s_families];

    public static TheoryData<string, ModelHead> WithHeads()
    {
        var rows = new TheoryData<string, ModelHead>();
        foreach (string family in s_families)
        {
            foreach (ModelHead head in new[] { ModelHead.MaskedToken, ModelHead.Classes, ModelHead.None })
                rows.Add(family, head);
        }
        return rows;
    }

    [Theory]
    [MemberData(nameof(WithHeads))]
    public void ParameterCount_IsThatOfTheBuiltModel_ForEachHead(string family, ModelHead head)
    {
        foreach (EncoderConfig config in Variants(Small(family, head)))
        {
            using TextModel model = TextModel.CreateRandom(config, 1);
            Assert.Equal(model.parameters().Sum(parameter => parameter.numel()), config.ParameterCount);
        }
    }

    [Theory]
    [MemberData(nameof(WithHeads))]
    public void SaveAndLoad_EachHead_GiveTheSameModel(string family, ModelHead head)
    {
        using var folder = new TemporaryFolder();
        foreach (EncoderConfig config in Variants(Small(family, head)))
        {
            using TextModel model = TextModel.CreateRandom(config, 1);
            CheckpointInfo saved = ModelFiles.Save(model, folder.Path, FileLayer.Disk);
            using TextModel again = ModelFiles.Load(folder.Path);
            Assert.Equal(config, again.Architecture);
            Assert.Equal(SmallModels.Weights(model), SmallModels.Weights(again));
            Assert.Equal(saved, ModelFiles.Inspect(folder.Path));
        }
    }

    /// <summary>Two for each weight that a token is multiplied with, as often as it is, and attention over the whole sequence.</summary>
    [Theory]
    [MemberData(nameof(WithHeads))]
    public void ForwardFlops_AreTheProductsOfTheBuiltModel(string family, ModelHead head)
    {
        const int length = 10;
        foreach (EncoderConfig config in Variants(Small(family, head)))
        {
            double products = 0, attention = (config as MobileBertConfig)?.AttentionWidth ?? Width;
            foreach (WeightShape weight in config.Family.Weights(config).Where(weight => weight.Shape.Length == 2 && !IsTable(weight.Name)))
            {
                double uses = weight.Name.Contains("albert_layer_groups", StringComparison.Ordinal) ? (double)Layers / ((AlbertConfig)config).NumHiddenGroups
                    : weight.Name.Contains("pooler", StringComparison.Ordinal) || weight.Name.StartsWith("pre_classifier", StringComparison.Ordinal)
                        || weight.Name.StartsWith("classifier", StringComparison.Ordinal) ? 1.0 / length : 1;
                products += uses * weight.Shape[0] * weight.Shape[1];
            }
            if (head == ModelHead.MaskedToken)
                products += Vocabulary * (config as AlbertConfig)?.EmbeddingSize ?? Vocabulary * (config as MobileBertConfig)?.EmbeddingSize ?? Vocabulary * Width;
            Assert.Equal(2 * (products + Layers * 2 * attention * length), config.ForwardFlopsPerToken(length), 1e-6);
        }

        static bool IsTable(string name) => name.Contains("_embeddings.weight", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(WithHeads))]
    public void Decays_AllButBiasesAndLayerNormWeights(string family, ModelHead head)
    {
        using TextModel model = TextModel.CreateRandom(Small(family, head), 1);
        Assert.All(model.named_parameters(), pair => Assert.Equal(!pair.name.EndsWith("bias", StringComparison.Ordinal) && !pair.name.EndsWith("LayerNorm.weight", StringComparison.Ordinal),
            model.Decays(pair.name)));
        Assert.Contains(model.named_parameters(), pair => !model.Decays(pair.name));
    }

    /// <summary>What a file of today lacks or has besides: the prefix, the tied decoder, places as a buffer, the other head of pre-training.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Load_OtherLayouts_AreTheSameModel(string family)
    {
        EncoderConfig config = Small(family, ModelHead.MaskedToken);
        using TextModel model = TextModel.CreateRandom(config, 1);
        Dictionary<string, float[]> expected = SmallModels.Weights(model);
        Dictionary<string, (long[] Shape, float[] Values)> stored = Tensors(model);
        foreach ((string copy, string weight) in config.Family.TiedCopies)
            stored[copy] = stored[weight];
        stored[$"{family}.embeddings.position_ids"] = ([1, Positions], new float[Positions]);
        if (family != "distilbert")
        {
            stored[$"{family}.pooler.dense.weight"] = ([Width, Width], new float[Width * Width]);
            stored["cls.seq_relationship.bias"] = ([2], new float[2]);
        }
        Assert.Equal(expected, SmallModels.Weights(Loaded(config.ToJson(), stored)));

        Dictionary<string, (long[], float[])> bare = Tensors(model).ToDictionary(pair => pair.Key.Replace($"{family}.", "", StringComparison.Ordinal), pair => pair.Value);
        Assert.Equal(expected, SmallModels.Weights(Loaded(config.ToJson(), bare)));

        // Both must be the same where both are there.
        string decoder = config.Family.TiedCopies.Keys.First();
        stored[decoder] = (stored[decoder].Shape, [.. stored[decoder].Values.Select(value => value + 1)]);
        Assert.Contains($"'{decoder}' differs from '{config.Family.TiedCopies[decoder]}'", Assert.Throws<InvalidDataException>(() => Loaded(config.ToJson(), stored)).Message);
    }

    /// <summary>Where config.json names no class, the weights tell the head.</summary>
    [Theory]
    [MemberData(nameof(WithHeads))]
    public void Load_NoArchitecturesNamed_TheWeightsTellTheHead(string family, ModelHead head)
    {
        EncoderConfig config = Small(family, head);
        using TextModel model = TextModel.CreateRandom(config, 1);
        JsonObject json = JsonNode.Parse(config.ToJson())!.AsObject();
        json.Remove("architectures");
        using TextModel loaded = Loaded(json.ToJsonString(), Tensors(model));
        Assert.Equal(config, loaded.Architecture);
        Assert.Equal(SmallModels.Weights(model), SmallModels.Weights(loaded));
    }

    [Fact]
    public void Load_ClassifierWithALeftOverOfAnotherHead_SaysWhichTensor()
    {
        EncoderConfig config = Small("bert", ModelHead.Classes);
        using TextModel model = TextModel.CreateRandom(config, 1);
        Dictionary<string, (long[] Shape, float[] Values)> stored = Tensors(model);
        stored["cls.predictions.decoder.bias"] = ([Vocabulary], new float[Vocabulary]);
        Assert.Contains("'cls.predictions.decoder.bias'", Assert.Throws<InvalidDataException>(() => Loaded(config.ToJson(), stored)).Message);
    }

    [Fact]
    public void Load_HeadThatTheWeightsLack_NamesWhatIsMissing()
    {
        EncoderConfig config = Small("bert", ModelHead.MaskedToken);
        using TextModel model = TextModel.CreateRandom(config with { FillsMasks = false, Classes = s_classes }, 1);
        Assert.Contains("'cls.predictions.bias'", Assert.Throws<InvalidDataException>(() => Loaded(config.ToJson(), Tensors(model))).Message);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Heads_OfAnotherKind_AreRefused(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using var masked = (Encoder)TextModel.CreateRandom(Small(family, ModelHead.MaskedToken), 1);
        using var classes = (Encoder)TextModel.CreateRandom(Small(family, ModelHead.Classes), 1);
        Assert.Throws<InvalidOperationException>(() => masked.ClassLogits(zeros(1, Width)));
        Assert.Throws<InvalidOperationException>(() => classes.Logits(zeros(1, Width)));
        Outputs outputs = classes.Forward(new ModelInput(tensor([3L, 1, 4, 1], [2, 2])), Wants.Pooled);
        Assert.Equal([2, Width], outputs.Pooled!.shape);
        Assert.Equal([2, 3], classes.ClassLogits(outputs.Pooled).shape);
        Assert.Null(classes.Forward(new ModelInput(tensor([3L, 1, 4, 1], [2, 2])), Wants.Hidden).Pooled);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void TokenTypes_AreTwoSentences_OrRefusedWhereThereAreNone(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using TextModel model = TextModel.CreateRandom(Small(family, ModelHead.MaskedToken).WithDropout(0), 1);
        Tensor ids = tensor([3L, 1, 4], [1, 3]), types = tensor([0L, 0, 1], [1, 3]);
        if (family == "distilbert")
        {
            Assert.Contains("DistilBERT has none", Assert.Throws<ArgumentException>(() => model.Hidden(new ModelInput(ids, TokenTypeIds: types))).Message);
            return;
        }
        float[] one = ParameterData.ToArray(model.Hidden(new ModelInput(ids)));
        Assert.Equal(one, ParameterData.ToArray(model.Hidden(new ModelInput(ids, TokenTypeIds: types.zeros_like()))));
        Assert.NotEqual(one, ParameterData.ToArray(model.Hidden(new ModelInput(ids, TokenTypeIds: types))));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void PaddingRow_LearnsNothingByBeingLookedUp(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel model = TextModel.CreateRandom(Small(family, ModelHead.None), 1);
        model.Hidden(new ModelInput(tensor([3L, 0, 4], [1, 3]))).cos().sum().backward();
        Parameter words = model.named_parameters().Single(pair => pair.name.EndsWith("word_embeddings.weight", StringComparison.Ordinal)).parameter;
        float[] gradient = ParameterData.ToArray(words.grad!.abs().sum(1));
        Assert.Equal(0, gradient[0]);
        Assert.NotEqual(0, gradient[3]);
        Assert.NotEqual(0, gradient[4]);
    }

    /// <summary>Of DistilBERT's own training: places as sines and cosines, which are not trained.</summary>
    [Fact]
    public void SinusoidalPositions_AreTheirFormula_AndAreNotTrained()
    {
        var config = (DistilBertConfig)Small("distilbert", ModelHead.MaskedToken) with { SinusoidalPositions = true };
        using TextModel model = TextModel.CreateRandom(config, 1);
        Assert.Empty(model.PositionEmbeddings);
        Parameter places = model.named_parameters().Single(pair => pair.name.EndsWith("position_embeddings.weight", StringComparison.Ordinal)).parameter;
        Assert.False(places.requires_grad);
        float[] values = ParameterData.ToArray(places);
        Assert.Equal([0, 1, 0, 1], values[..4]);
        Assert.Equal(Math.Sin(5 / Math.Pow(10000, 4.0 / Width)), values[5 * Width + 4], 1e-6);
        Assert.Equal(Math.Cos(5 / Math.Pow(10000, 4.0 / Width)), values[5 * Width + 5], 1e-6);
        Assert.Equal(config, Architecture.Parse(config.ToJson()));
    }

    [Theory]
    [InlineData(12, 3, new[] { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2 })]
    [InlineData(5, 2, new[] { 0, 0, 0, 1, 1 })]
    [InlineData(4, 1, new[] { 0, 0, 0, 0 })]
    public void SharedLayers_AreGroupedInOrder(int layers, int groups, int[] expected)
    {
        AlbertConfig config = (AlbertConfig)Small("albert", ModelHead.None).WithLayers(layers) with { NumHiddenGroups = groups };
        Assert.Equal(expected, Enumerable.Range(0, layers).Select(config.GroupOf));
    }

    [Fact]
    public void SharedLayers_CopiedByChoice_AreBlocksOrRefused()
    {
        AlbertConfig config = (AlbertConfig)Small("albert", ModelHead.MaskedToken) with { NumHiddenGroups = 2 };
        using TextModel model = TextModel.CreateRandom(config, 1);
        AlbertConfig two = config with { NumHiddenLayers = 2 };
        using TextModel swapped = TextModel.CreateFrom(two, model, [3, 0]);
        Dictionary<string, float[]> from = SmallModels.Weights(model), to = SmallModels.Weights(swapped);
        Assert.Equal(from[Query(1)], to[Query(0)]);
        Assert.Equal(from[Query(0)], to[Query(1)]);
        Assert.Contains("block 0 are to be copied from the blocks 0 and 1", Assert.Throws<ArgumentException>(
            () => TextModel.CreateFrom(config, model, [0, 2, 2, 3])).Message);

        static string Query(int block) => $"albert.encoder.albert_layer_groups.{block}.albert_layers.0.attention.query.weight";
    }

    private static readonly ClassHead s_classes = new(["no", "perhaps", "yes"], ProblemType.SingleLabel);

    private static EncoderConfig Small(string family, ModelHead head) =>
        (EncoderConfig)ModelFamilies.Find(family).Create(new NewModel(Vocabulary, Positions, Width, Layers, Heads, Vocabulary - 1)) with
        {
            FillsMasks = head == ModelHead.MaskedToken, Classes = head == ModelHead.Classes ? s_classes : null,
        };

    /// <summary>The same in the structures that its family knows.</summary>
    private static IEnumerable<EncoderConfig> Variants(EncoderConfig config) => config switch
    {
        AlbertConfig albert => [albert, albert with { NumHiddenGroups = 2 }, albert with { EmbeddingSize = Width }],
        MobileBertConfig mobile =>
        [
            mobile, mobile with { ClassifierActivation = false }, mobile with { NumFeedforwardNetworks = 1 }, mobile with { NormalizationType = "layer_norm" },
            mobile with { TrigramInput = false }, mobile with { UseBottleneckAttention = true, KeyQuerySharedBottleneck = false },
            mobile with { KeyQuerySharedBottleneck = false }, mobile with { UseBottleneck = false },
        ],
        _ => [config, config with { TypeVocabSize = config.TypeVocabSize == 0 ? 0 : 3, IntermediateSize = 24 }],
    };

    private static Dictionary<string, (long[] Shape, float[] Values)> Tensors(TextModel model) =>
        model.named_parameters().ToDictionary(pair => pair.name, pair => (pair.parameter.shape, ParameterData.ToArray(pair.parameter)));

    private static TextModel Loaded(string config, Dictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), config);
        SafetensorsWriter.Write(folder.File(ModelFiles.WeightsFileName),
            [.. tensors.Select(pair => SafetensorsTensor.Single(pair.Key, pair.Value.Shape, values => pair.Value.Values.CopyTo(values)))], FileLayer.Disk,
            new Dictionary<string, string> { ["format"] = "pt" });
        return ModelFiles.Load(folder.Path);
    }
}
