using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>What every family of the catalogue must do.</summary>
public sealed class ModelFamiliesTests
{
    private const int Vocabulary = 40, Positions = 12, Width = 16, Layers = 3, Heads = 2;

    public static TheoryData<string> Families => [.. ModelFamilies.All.Select(family => family.Name)];

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
        Assert.Equal((Vocabulary, Positions, Width, Layers, Heads), (architecture.VocabularySize, architecture.Positions, architecture.Width, architecture.Layers,
            architecture.Heads));
        Assert.Equal(Vocabulary - 1, architecture.EndOfTextId);
        Assert.Equal(architecture, Architecture.Parse(architecture.ToJson()));
        Assert.Equal(2, architecture.WithLayers(2).Layers);
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
            Assert.Equal(weight.Name, architecture.Family.WeightName(architecture.Family.StoredName(weight.Name))));
        Assert.All(architecture.Family.TiedCopies.Values, weight => Assert.Contains(architecture.Family.Weights(architecture), known => known.Name == weight));
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
    [MemberData(nameof(Families))]
    public void Forward_TokenByToken_IsTheWholeTextAtOnce(string name)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        model.eval();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor ids = tensor([3L, 1, 4, 1, 5, 9, 2, 6, 5, 35, 8, 9], [2, 6]);
        float[] whole = ParameterData.ToArray(model.Logits(model.Hidden(new ModelInput(ids))));
        using KeyValueCache cache = model.CreateCache(rows: 2);
        Tensor[] pieces = [.. Enumerable.Range(0, 6).Select(position => model.Logits(model.Hidden(new ModelInput(ids.narrow(1, position, 1)), cache)))];
        GoldenFiles.AssertClose(whole, ParameterData.ToArray(cat(pieces, 1)), 1e-5, "logits");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_IsCausal_AndGivesWhatIsAsked(string name)
    {
        using TextModel model = TextModel.CreateRandom(Small(name), 1);
        model.eval();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Outputs all = model.Forward(new ModelInput(tensor([3L, 1, 4, 1], [1, 4])), Wants.Hidden | Wants.HiddenOfAllLayers | Wants.Attentions);
        Assert.Equal(Layers + 1, all.Layers.Count);
        Assert.All(all.Layers, layer => Assert.Equal([1, 4, Width], layer.shape));
        Assert.Equal(Layers, all.Attentions.Count);
        Assert.All(all.Attentions, map =>
        {
            Assert.Equal([1, Heads, 4, 4], map.shape);
            Assert.All(ParameterData.ToArray(map.sum(-1L)), sum => Assert.Equal(1, sum, 1e-5));
        });
        Tensor other = model.Hidden(new ModelInput(tensor([3L, 1, 4, 30], [1, 4])));
        GoldenFiles.AssertClose(ParameterData.ToArray(all.Hidden.narrow(1, 0, 3)), ParameterData.ToArray(other.narrow(1, 0, 3)), 1e-5, "before the change");
        Assert.Throws<ArgumentException>(() => model.Hidden(new ModelInput(zeros([1, Positions + 1], ScalarType.Int64))));
    }

    private static Architecture Small(string name) =>
        ModelFamilies.Find(name).Create(new NewModel(Vocabulary, Positions, Width, Layers, Heads, Vocabulary - 1));
}
