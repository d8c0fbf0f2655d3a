using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>What every family of the catalogue must do.</summary>
public sealed class ModelFamiliesTests
{
    private const int Vocabulary = 40, Positions = 12, Width = 16, Layers = 3, Heads = 2;

    public static TheoryData<string> Families => [.. ModelFamilies.All.Select(family => family.Name)];

    /// <summary>Those whose models continue a text: they see what is before a token and nothing behind it.</summary>
    public static TheoryData<string> ContinuingTexts => [.. ModelFamilies.All.Where(family => family.ContinuesTexts).Select(family => family.Name)];

    /// <summary>Those whose models read a text from both sides.</summary>
    public static TheoryData<string> ReadingBothWays => [.. ModelFamilies.All.Where(family => !family.ContinuesTexts).Select(family => family.Name)];

    [Fact]
    public void Find_UnknownName_ListsTheKnown()
    {
        string message = Assert.Throws<InvalidDataException>(() => ModelFamilies.Find("mamba")).Message;
        Assert.Contains("'mamba'", message);
        Assert.All(ModelFamilies.All, family => Assert.Contains($"'{family.Name}'", message));
        Assert.Same(ModelFamilies.Default, ModelFamilies.Find(null));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Create_WhatWasAskedFor_IsInConfigJsonAndComesBack(string name)
    {
        Architecture architecture = Small(name);
        // A family without attention has no heads.
        int heads = architecture.Heads == 0 ? 0 : Heads;
        Assert.Equal((Vocabulary, Positions, Width, Layers, heads), (architecture.VocabularySize, architecture.Positions, architecture.Width, architecture.Layers,
            architecture.Heads));
        Assert.Equal(Vocabulary - 1, architecture.EndOfTextId);
        Assert.Equal(architecture, Architecture.Parse(architecture.ToJson()));
        Assert.Equal(2, architecture.WithLayers(2).Layers);
        Architecture wider = architecture.WithWidth(3 * Width, Heads);
        wider.Validate();
        Assert.Equal((3 * Width, heads, Layers, (double)architecture.InnerWidth / Width), (wider.Width, wider.Heads, wider.Layers, (double)wider.InnerWidth / wider.Width));
        Assert.Equal(architecture, wider.WithWidth(Width, Heads));
        Assert.NotEqual(architecture, architecture.WithDropout(0.25));
        Assert.NotEqual(architecture, architecture.WithInitialiserRange(0.3));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Weights_AreThoseOfTheModel_AndCounted(string name)
    {
        Architecture architecture = Small(name);
        using TextModel model = TextModel.CreateRandom(architecture, 1);
        Assert.Equal(
            model.named_parameters().Select(pair => $"{pair.name} [{string.Join(", ", pair.parameter.shape)}]"),
            architecture.Family.Weights(architecture).Select(weight => $"{weight.Name} [{string.Join(", ", weight.Shape)}]"));
        Assert.Equal(model.parameters().Sum(parameter => parameter.numel()), architecture.ParameterCount);
        Assert.All(architecture.Family.Weights(architecture), weight =>
            Assert.Equal(weight.Name, architecture.Family.WeightName(architecture.Family.StoredName(weight.Name), architecture)));
        Assert.All(architecture.Family.TiedCopies.Values, weight => Assert.Contains(architecture.Family.Weights(architecture), known => known.Name == weight));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Parts_AreEveryBlockAndWhatIsAround(string name)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        string[] parts = [.. model.named_parameters().Select(pair => model.PartOf(pair.name)).Distinct()];
        Assert.Equal("embeddings", parts[0]);
        // All layers of ALBERT are one block.
        int blocks = model.Architecture is AlbertConfig albert ? albert.NumHiddenGroups : Layers;
        Assert.Equal(Enumerable.Range(0, blocks).Select(block => $"block {block}"), parts.Where(part => part.StartsWith("block ", StringComparison.Ordinal)));
        Assert.All(parts, part => Assert.Matches("^[a-z]+( [a-z0-9]+)*$", part));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void SaveAndLoad_GiveTheSameModel(string name)
    {
        using var folder = new TemporaryFolder();
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        CheckpointInfo saved = ModelFiles.Save(model, folder.Path, FileLayer.Disk);
        using TextModel again = ModelFiles.Load(folder.Path);
        Assert.Equal(model.Architecture, again.Architecture);
        Assert.Equal(SmallModels.Weights(model), SmallModels.Weights(again));
        Assert.Equal(saved, ModelFiles.Inspect(folder.Path));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void CreateFrom_SomeLayers_CopiesThoseAndTheRest(string name)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        using TextModel part = TextModel.CreateFrom(model.Architecture.WithLayers(2), model, [2, 0]);
        using TextModel back = TextModel.CreateFrom(model.Architecture, part, [1, 1, 0]);
        using TextModel twice = TextModel.CreateFrom(model.Architecture, model, [0, 0, 2]);
        Assert.Equal(SmallModels.Weights(twice), SmallModels.Weights(back));
    }

    [Theory]
    [MemberData(nameof(ContinuingTexts))]
    public void Forward_TokenByToken_IsTheWholeTextAtOnce(string name) => Answering(name, model =>
    {
        Tensor ids = tensor([3L, 1, 4, 1, 5, 9, 2, 6, 5, 35, 8, 9], [2, 6]);
        float[] whole = ParameterData.ToArray(model.Logits(model.Hidden(new ModelInput(ids))));
        using KeyValueCache cache = model.CreateCache(rows: 2);
        Tensor[] pieces = [.. Enumerable.Range(0, 6).Select(position => model.Logits(model.Hidden(new ModelInput(ids.narrow(1, position, 1)), cache)))];
        GoldenFiles.AssertClose(whole, ParameterData.ToArray(cat(pieces, 1)), 1e-5, "logits");
    });

    [Theory]
    [MemberData(nameof(ContinuingTexts))]
    public void Forward_IsCausal(string name) => Answering(name, model =>
    {
        Tensor hidden = model.Hidden(new ModelInput(tensor([3L, 1, 4, 1], [1, 4]))), other = model.Hidden(new ModelInput(tensor([3L, 1, 4, 30], [1, 4])));
        GoldenFiles.AssertClose(ParameterData.ToArray(hidden.narrow(1, 0, 3)), ParameterData.ToArray(other.narrow(1, 0, 3)), 1e-5, "before the change");
    });

    [Theory]
    [MemberData(nameof(ReadingBothWays))]
    public void Forward_SeesBothSides_AndContinuesNothing(string name) => Answering(name, model =>
    {
        Tensor hidden = model.Hidden(new ModelInput(tensor([3L, 1, 4, 1], [1, 4]))), other = model.Hidden(new ModelInput(tensor([3L, 1, 4, 30], [1, 4])));
        Assert.NotEqual(ParameterData.ToArray(hidden.narrow(1, 0, 1)), ParameterData.ToArray(other.narrow(1, 0, 1)));
        Assert.Equal(0, model.Architecture.CachedNumbersPerToken);
        string said = Assert.Throws<ArgumentException>(() => model.CreateCache()).Message;
        Assert.Contains($"{model.Architecture.Family.Title} model, which {ModelHeads.Does(model.Architecture.Head)} and cannot continue a text; expected a GPT-2 model.", said);
        using KeyValueCache cache = new(Layers, 1, Heads, Positions, Width / Heads);
        Assert.Equal(said, Assert.Throws<ArgumentException>(() => model.Hidden(new ModelInput(tensor([3L], [1, 1])), cache)).Message);
        Assert.Equal(said, Assert.Throws<ArgumentException>(() => new TextGenerator(model).NextTokens([3], 1)).Message);
        Assert.Equal(said, Assert.Throws<ArgumentException>(() => NextTokenLogits.At(model, [3, 1], 1, [0])).Message);
        Assert.Equal(said.Replace("The model", "The teacher", StringComparison.Ordinal),
            Assert.Throws<ArgumentException>(() => TokenComparison.Compare(model, model, [3, 1], 1)).Message);
        Assert.Null(model.Head);
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_GivesWhatIsAsked(string name) => Answering(name, model =>
    {
        var input = new ModelInput(tensor([3L, 1, 4, 1], [1, 4]));
        bool attends = model.Architecture.Heads > 0;
        Outputs all = model.Forward(input, Wants.Hidden | Wants.HiddenOfAllLayers | (attends ? Wants.Attentions : Wants.None));
        Assert.Equal(Layers + 1, all.Layers.Count);
        Assert.All(all.Layers, layer => Assert.Equal([1, 4, Width], layer.shape));
        if (!attends)
        {
            Assert.All([Wants.Attentions, Wants.AttentionScores, Wants.AttentionInputs], wants =>
                Assert.Contains("has no attention", Assert.Throws<ArgumentException>(() => model.Forward(input, wants)).Message));
        }
        Assert.Equal(attends ? Layers : 0, all.Attentions.Count);
        Assert.All(all.Attentions, map =>
        {
            Assert.Equal([1, Heads, 4, 4], map.shape);
            Assert.All(ParameterData.ToArray(map.sum(-1L)), sum => Assert.Equal(1, sum, 1e-5));
        });
        Assert.Throws<ArgumentException>(() => model.Hidden(new ModelInput(zeros([1, Positions + 1], ScalarType.Int64))));
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Weights_AreAllDrawnAndAllMatter_AndTheirGradientsAreThoseOfDifferences(string name)
    {
        // Of a relu differences step over its corners.
        Architecture smooth = Small(name) is MobileBertConfig mobile ? mobile with { HiddenAct = "gelu" } : Small(name);
        using TextModel model = TextModel.CreateRandom(smooth.WithDropout(0), 1);
        foreach ((string weight, Parameter parameter) in model.named_parameters())
        {
            // Away from what the family begins with: zeros of biases and ones of norms hide what is forgotten.
            float[] drawn = ParameterData.ToArray(parameter);
            Add(parameter, drawn, Noise(weight, drawn.Length), 0.1f);
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor ids = tensor([3L, 1, 4, 1, 5, 9, 2, 6], [2, 4]);
        // A head that is more than a product with the hidden states has weights of its own.
        Tensor Answer() => model.Forward(new ModelInput(ids), Wants.Hidden | Wants.Pooled) is var outputs && model.Architecture.Head == ModelHead.Classes ? model.ClassLogits(outputs.Pooled!)
            : model.Architecture.Head == ModelHead.NextToken ? outputs.Hidden : model.Logits(outputs.Hidden);
        Tensor direction = Answer().detach().cos();
        double Value() => ParameterData.ToArray(Answer() * direction).Sum(value => (double)value);
        (Answer() * direction).sum().backward();
        foreach ((string weight, Parameter parameter) in model.named_parameters())
        {
            // Along a random direction in the space of this weight alone.
            float[] values = ParameterData.ToArray(parameter), step = Noise(weight + " step", values.Length);
            const float size = 2e-3f;
            double slope = ParameterData.ToArray(parameter.grad!).Zip(step, (gradient, along) => (double)gradient * along).Sum();
            double Moved(float by)
            {
                using IDisposable noGradient = no_grad();
                Add(parameter, values, step, by);
                return Value();
            }
            double difference = (Moved(size) - Moved(-size)) / (2 * size);
            // A small step of what matters little is lost in rounding, on one processor and not on another.
            bool matters = Moved(1) != Moved(-1);
            Moved(0);
            Assert.True(Math.Abs(slope - difference) < 0.02 * Math.Max(1, Math.Abs(difference)), $"{weight}: gradient {slope}, difference {difference}");
            // A bias of the keys moves all scores of a query alike, and nothing else may be without effect.
            if (weight.EndsWith(".key.bias", StringComparison.Ordinal) || weight.EndsWith(".k_lin.bias", StringComparison.Ordinal))
                Assert.Equal(0, slope, 1e-3);
            else
                Assert.True(matters, $"{weight} has no effect");
        }

        static float[] Noise(string seed, int length)
        {
            var noise = new float[length];
            new SeededRandom(seed.Sum(character => character)).FillNormal(noise, 1);
            return noise;
        }

        static void Add(Parameter parameter, float[] values, float[] step, float by) => ParameterData.Write(parameter, target =>
        {
            for (int i = 0; i < target.Length; i++)
                target[i] = values[i] + by * step[i];
        });
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void CreateRandom_DrawsMatricesFromTheSeed(string name)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1), other = TextModel.CreateRandom(Small(name), 2);
        Dictionary<string, float[]> drawn = SmallModels.Weights(model), others = SmallModels.Weights(other);
        foreach (WeightShape weight in model.Architecture.Family.Weights(model.Architecture).Where(weight => weight.Shape.Length > 1))
        {
            Assert.True(drawn[weight.Name].Distinct().Count() > drawn[weight.Name].Length / 2, $"{weight.Name} is not drawn");
            Assert.NotEqual(drawn[weight.Name], others[weight.Name]);
        }
        Assert.All(drawn.Values, values => Assert.All(values, value => Assert.True(float.IsFinite(value))));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_PaddedOnTheLeft_IsTheTextAlone(string name) => Answering(name, model =>
    {
        float[] alone = ParameterData.ToArray(model.Hidden(new ModelInput(tensor([5L, 9, 2], [1, 3]))));
        // The first token of MobileBERT sees its neighbour even where that is padding, whose embedding is 0 in the beginning.
        (long first, long second) = model.Architecture is MobileBertConfig mobile ? (mobile.PadTokenId, mobile.PadTokenId) : (7, 8);
        Tensor padded = model.Hidden(new ModelInput(
            tensor([first, second, 5, 9, 2], [1, 5]), tensor([0L, 0, 1, 1, 1], [1, 5]), tensor([0L, 0, 0, 1, 2], [1, 5])));
        GoldenFiles.AssertClose(alone, ParameterData.ToArray(padded.narrow(1, 2, 3)), 1e-5, "behind the padding");
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_InBFloat16_IsNear(string name) => Answering(name, model =>
    {
        var input = new ModelInput(tensor([3L, 1, 4, 1, 5], [1, 5]));
        float[] exact = ParameterData.ToArray(model.Hidden(input));
        model.Precision = WebDistill.Distillation.Options.Precision.BFloat16;
        float[] rounded = ParameterData.ToArray(model.Hidden(input));
        Assert.NotEqual(exact, rounded);
        GoldenFiles.AssertClose(exact, rounded, 0.05, "hidden states in bfloat16");
    });

    [Theory]
    [MemberData(nameof(Families))]
    public void Dropout_ChangesTrainingAndNothingElse(string name)
    {
        using TextModel dropping = TextModel.CreateRandom(Small(name).WithDropout(0.5), 1), plain = TextModel.CreateRandom(Small(name).WithDropout(0), 1);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        float[] Hidden(TextModel model) => ParameterData.ToArray(model.Hidden(new ModelInput(tensor([3L, 1, 4, 1], [1, 4]))));
        Assert.NotEqual(Hidden(plain), Hidden(dropping));
        dropping.eval();
        Assert.Equal(Hidden(plain), Hidden(dropping));
    }

    /// <summary>What holds of a model that answers: no dropout, no gradients.</summary>
    private static void Answering(string name, Action<TextModel> check)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        model.eval();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        check(model);
    }

    private static Architecture Small(string name) =>
        ModelFamilies.Find(name).Create(new NewModel(Vocabulary, Positions, Width, Layers, Heads, Vocabulary - 1));
}
