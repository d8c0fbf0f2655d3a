using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Transforms;

/// <summary>What every transform of the catalogue must do to models of every family.</summary>
public sealed class TransformTests
{
    // What section after section of the literature leaves out: layers of different shapes, between bottlenecks, or shared from the beginning.
    private static readonly (string Transform, string Family)[] s_refused =
    [
        ("layer-dropping", "bilstm"), ("feed-forward-pruning", "bilstm"), ("layer-sharing", "bilstm"), ("layer-sharing", "albert"), ("layer-sharing", "mobilebert"),
    ];

    public static TheoryData<string> Names => [.. TransformCatalogue.All.Select(transform => transform.Name)];

    public static TheoryData<string, string> Pairs()
    {
        var rows = new TheoryData<string, string>();
        foreach (ModelTransform transform in TransformCatalogue.All)
        {
            foreach (ModelFamily family in ModelFamilies.All)
                rows.Add(transform.Name, family.Name);
        }
        return rows;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Entry_SaysWhatItIs(string name)
    {
        ModelTransform transform = TransformCatalogue.Find(name);
        Assert.Matches("^[a-z]+(-[a-z]+)*$", transform.Name);
        Assert.All(new[] { transform.Title, transform.Formula, transform.Source }, text => Assert.NotEqual("", text));
        Assert.EndsWith(".", transform.What);
        Assert.NotEmpty(transform.Fields);
        Assert.All(transform.Fields, field => Assert.True(field.Path.StartsWith("parameters.", StringComparison.Ordinal) && field.Usual is not null && field.What.EndsWith('.'), field.Path));
        Assert.All(transform.Fields.Where(field => field.Kind is OptionKind.Number or OptionKind.Integer), field => Assert.True(double.IsFinite(field.Minimum) && double.IsFinite(field.Maximum), field.Path));
        Assert.Empty(transform.Problems(new Dictionary<string, JsonElement>()));
        Assert.Equal(transform.Parameters, transform.Read(new Dictionary<string, JsonElement>()));
    }

    [Fact]
    public void Find_AnUnknownName_ListsTheKnown()
    {
        string message = Assert.Throws<ArgumentException>(() => TransformCatalogue.Find("shrink")).Message;
        Assert.Contains("'shrink'", message);
        Assert.All(TransformCatalogue.All, transform => Assert.Contains(transform.Name, message));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Run_WithItsDefaults_MakesAPlainModelOfTheFamilyOrSaysWhyNot(string name, string family)
    {
        ModelTransform transform = TransformCatalogue.Find(name);
        using TextModel source = Random(family);
        Dictionary<string, float[]> before = SmallModels.Weights(source);
        OptionProblem? mismatch = transform.Mismatch(source.Architecture, transform.Parameters);
        if (s_refused.Contains((name, family)))
        {
            Assert.Equal("transform", mismatch!.Field);
            Assert.Matches("expected .+\\. Choose ", mismatch.Message);
            Assert.Equal(mismatch.Message, Assert.Throws<ArgumentException>(() => Compression.Run(source, transform, transform.Parameters)).Message);
            return;
        }
        Assert.Null(mismatch);
        var told = new Told();
        (TextModel model, TransformReport report) = Compression.Run(source, transform, transform.Parameters, told);
        using TextModel made = model;
        Assert.Equal(before, SmallModels.Weights(source));
        Assert.Same(source.Architecture.Family, model.Architecture.Family);
        Assert.Equal(1, told.Last);

        long zeros = SmallModels.Weights(model).Values.Sum(values => values.LongCount(value => value == 0));
        Assert.Equal((model.Architecture.ParameterCount, model.Architecture.ParameterCount - zeros, 4 * model.Architecture.ParameterCount),
            (report.After.Parameters, report.After.NonZeroParameters, report.After.Bytes));
        Assert.Equal(source.Architecture.ParameterCount, report.Before.Parameters);
        bool isOther = source.Architecture != model.Architecture;
        Assert.Equal(isOther, transform is not WeightTransform);
        Assert.Equal(isOther, report.After.OperationsPerToken < report.Before.OperationsPerToken);
        // A layer of an ALBERT is one more way through weights that stay.
        Assert.Equal(isOther && (name, family) != ("layer-dropping", "albert"), report.After.Bytes < report.Before.Bytes);
        Assert.Equal(!isOther, report.Matrices.Count > 0);
        Assert.All(report.Matrices, matrix => Assert.InRange(matrix.RelativeError, double.Epsilon, 2));
        Assert.NotEmpty(report.Figures);

        using var folder = new TemporaryFolder();
        CheckpointInfo saved = ModelFiles.Save(model, folder.Path, FileLayer.Disk);
        Assert.Equal(saved, ModelFiles.Inspect(folder.Path));
        using TextModel again = ModelFiles.Load(folder.Path);
        Assert.Equal(Hidden(model), Hidden(again));
    }

    /// <summary>Norms, biases, embeddings and heads are nobody's to prune, factor or round.</summary>
    [Theory]
    [InlineData("magnitude-pruning")]
    [InlineData("low-rank")]
    [InlineData("weight-rounding")]
    public void Run_OnWeights_LeavesAllButTheMatricesOfTheLayersAlone(string name)
    {
        foreach (ModelFamily family in ModelFamilies.All)
        {
            using TextModel source = Random(family.Name);
            using TextModel model = Compression.Run(source, TransformCatalogue.Find(name), TransformCatalogue.Find(name).Parameters).Model;
            HashSet<string> matrices = [.. LayerMatrix.Of(source).Select(matrix => matrix.Name)];
            Assert.NotEmpty(matrices);
            Dictionary<string, float[]> before = SmallModels.Weights(source), after = SmallModels.Weights(model);
            Assert.All(before.Keys.Except(matrices), weight => Assert.Equal(before[weight], after[weight]));
            Assert.Contains(matrices, weight => !before[weight].SequenceEqual(after[weight]));
        }
    }

    [Theory]
    [InlineData("magnitude-pruning", "gpt2")]
    [InlineData("magnitude-pruning", "bert")]
    [InlineData("low-rank", "gpt2")]
    [InlineData("low-rank", "bert")]
    [InlineData("layer-sharing", "gpt2")]
    [InlineData("layer-sharing", "bert")]
    [InlineData("weight-rounding", "gpt2")]
    [InlineData("weight-rounding", "bert")]
    public void Run_AskedForTwice_IsRefusedTheSecondTime(string name, string family)
    {
        ModelTransform transform = TransformCatalogue.Find(name);
        using TextModel source = Random(family);
        // A share of what is left is less each time.
        object parameters = transform is LowRank ? new LowRank.Truncated { Rank = 5 } : transform.Parameters;
        using TextModel once = Compression.Run(source, transform, parameters).Model;
        string message = Assert.Throws<ArgumentException>(() => Compression.Run(once, transform, parameters)).Message;
        Assert.Contains($"'{transform.Title}' with these parameters changes nothing in this model", message);
        Assert.Contains("choose another transform", message);
    }

    [Fact]
    public void Run_Cancelled_StopsBetweenTwoMatrices()
    {
        using TextModel source = SmallModels.Random(1);
        using var cancel = new CancellationTokenSource();
        var told = new Told(() => cancel.Cancel());
        Assert.Throws<OperationCanceledException>(() => Compression.Run(source, TransformCatalogue.Find("low-rank"), new LowRank.Truncated(), told, cancel.Token));
        Assert.InRange(told.Last, 0.01, 0.5);
    }

    [Theory]
    [InlineData("layer-dropping", """{"keep":2}""", "parameters.keep", "'keep' is no parameter of 'Layer dropping'. Known are: count, which, layers.")]
    [InlineData("layer-dropping", """{"count":0}""", "parameters.count", "The value is 0, expected 1 to 1024")]
    [InlineData("layer-dropping", """{"which":"Middle"}""", "parameters.which", "\"Middle\"")]
    [InlineData("layer-dropping", """{"layers":[0,0,1]}""", "parameters.layers", "[0, 0, 1], expected at least one, ascending, each once")]
    [InlineData("layer-dropping", """{"layers":[]}""", "parameters.layers", "expected at least one")]
    [InlineData("layer-dropping", """{"layers":[0,1],"count":3}""", "parameters.layers", "2 layers are listed and 3 are to stay")]
    [InlineData("magnitude-pruning", """{"sparsity":1}""", "parameters.sparsity", "The value is 1, expected")]
    [InlineData("magnitude-pruning", """{"sparsity":"half"}""", "parameters.sparsity", "\"half\"")]
    [InlineData("magnitude-pruning", """{"sparsity":null}""", "parameters.sparsity", "null")]
    [InlineData("magnitude-pruning", """{"sparsity":0.95,"minimumKept":0.1}""", "parameters.sparsity", "leaves 0.05 of the weights, expected at least 0.1")]
    [InlineData("feed-forward-pruning", """{"share":0}""", "parameters.share", "The value is 0, expected")]
    [InlineData("low-rank", """{"rank":0}""", "parameters.rank", "The value is 0, expected 1 to")]
    [InlineData("low-rank", """{"energy":1.5}""", "parameters.energy", "The value is 1.5")]
    [InlineData("layer-sharing", """{"groups":0}""", "parameters.groups", "The value is 0")]
    [InlineData("weight-rounding", """{"format":"Q3"}""", "parameters.format", "\"Q3\"")]
    public void Problems_BadParameters_AreNamedByTheirPaths(string name, string parameters, string path, string message)
    {
        OptionProblem problem = Assert.Single(TransformCatalogue.Find(name).Problems(Written(parameters)));
        Assert.Equal(path, problem.Field);
        Assert.Contains(message, problem.Message);
    }

    // A GPT-2 of 3 layers, width 16 and inner width 64.
    [Theory]
    [InlineData("layer-dropping", """{"count":3}""", "parameters.count", "3 layers are to stay and the model has 3, expected fewer. Choose 1 to 2.")]
    [InlineData("layer-dropping", """{"layers":[0,3]}""", "parameters.layers", "Layer 3 does not exist: the model's layers are 0 to 2.")]
    [InlineData("layer-dropping", """{"layers":[0,1,2]}""", "parameters.layers", "3 layers are to stay and the model has 3")]
    [InlineData("feed-forward-pruning", """{"width":64}""", "parameters.width", "would become 64 and is 64, expected 1 to 63")]
    [InlineData("feed-forward-pruning", """{"share":0.999}""", "parameters.share", "would become 64 and is 64")]
    [InlineData("magnitude-pruning", """{"sparsity":0.0001}""", "parameters.sparsity", "makes none of the")]
    [InlineData("magnitude-pruning", """{"sparsity":0.995,"minimumKept":0.005}""", "parameters.sparsity", "leaves fewer weights than the 0.005 of each matrix")]
    [InlineData("low-rank", """{"rank":16}""", "parameters.rank", "The rank is 16, and no matrix of the layers has one above 16")]
    [InlineData("layer-sharing", """{"groups":3}""", "parameters.groups", "3 groups of 3 layers share nothing")]
    [InlineData("weight-rounding", """{"format":"Q4_0"}""", "parameters.format", "has 16, expected a multiple of 32. Choose Int8PerRow")]
    public void Mismatch_WhatTheModelCannotDo_IsSaidAtItsParameter(string name, string parameters, string path, string message)
    {
        ModelTransform transform = TransformCatalogue.Find(name);
        IReadOnlyDictionary<string, JsonElement> written = Written(parameters);
        Assert.Empty(transform.Problems(written));
        OptionProblem problem = transform.Mismatch(Small("gpt2"), transform.Read(written))!;
        Assert.Equal(path, problem.Field);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void Mismatch_AModelOfOneLayer_HasNothingToDropOrShare()
    {
        Architecture single = Small("gpt2").WithLayers(1);
        Assert.Contains("choose another model", new LayerDropping().Mismatch(single, new LayerDropping.Kept())!.Message);
        Assert.Contains("choose another model", new LayerSharing().Mismatch(single, new LayerSharing.Shared())!.Message);
    }

    /// <summary>What a transform reads of a family: both halves and the norm of each feed-forward part are weights of the model.</summary>
    [Fact]
    public void FeedForwardParts_OfEveryFamily_AreWeightsOfTheirShapes()
    {
        foreach (ModelFamily family in ModelFamilies.All)
        {
            using TextModel model = Random(family.Name);
            Dictionary<string, LayerMatrix> matrices = LayerMatrix.Of(model).ToDictionary(matrix => matrix.Name);
            HashSet<string> names = [.. model.named_parameters().Select(pair => pair.name)];
            Assert.Equal(family.Name == "bilstm", model.FeedForwardParts.Count == 0);
            Assert.All(model.FeedForwardParts, part =>
            {
                Assert.Equal(((long)model.Architecture.InnerWidth, matrices[$"{part.Inner}.weight"].Inputs), (matrices[$"{part.Inner}.weight"].Outputs, matrices[$"{part.Outer}.weight"].Outputs));
                Assert.Equal(model.Architecture.InnerWidth, matrices[$"{part.Outer}.weight"].Inputs);
                Assert.Contains($"{part.Norm}.weight", names);
                Assert.Contains($"{part.Inner}.bias", names);
            });
        }
    }

    internal static Architecture Small(string family) =>
        ModelFamilies.Find(family).Create(new NewModel(40, 12, 16, 3, 2, 39)).WithDropout(0).WithInitialiserRange(0.2);

    internal static TextModel Random(string family) => TextModel.CreateRandom(Small(family), 3);

    internal static IReadOnlyDictionary<string, JsonElement> Written(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;

    /// <summary>Hidden states of a fixed text.</summary>
    internal static float[] Hidden(TextModel model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        model.eval();
        return ParameterData.ToArray(model.forward(tensor(new long[] { 5, 9, 1, 30, 22, 7 }, [1, 6])));
    }

    /// <summary>Sets a weight, number by number, from what it was.</summary>
    internal static void Change(TextModel model, string name, Func<int, float, float> change)
    {
        Parameter parameter = model.named_parameters().Single(pair => pair.name == name).parameter;
        float[] values = ParameterData.ToArray(parameter);
        ParameterData.Write(parameter, written =>
        {
            for (int i = 0; i < values.Length; i++)
                written[i] = change(i, values[i]);
        });
    }

    private sealed class Told(Action? each = null) : IProgress<double>
    {
        public double Last { get; private set; }

        public void Report(double value)
        {
            Last = value;
            each?.Invoke();
        }
    }
}
