using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Training;
using static TorchSharp.torch;
using Architecture = WebDistill.Distillation.Models.Architecture;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>The losses between layers on tensors that somebody can check by eye, in 64 bits: their values, their gradients, and that padding is nothing.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LayerLossTests
{
    private const int Rows = 2, Columns = 4;

    private static readonly string[] s_both = ["gpt2", "bert"];

    /// <summary>Each loss with the parameters that take another way through it.</summary>
    public static TheoryData<string, string> Terms => new()
    {
        { "patient", """{"weight":1}""" }, { "patient", """{"weight":1,"vectors":"LastToken","mapping":"Last","reduction":"PerElement"}""" }, { "patient", """{"weight":1,"teacherLayers":[2,0]}""" },
        { "states", """{"weight":1}""" }, { "states", """{"weight":1,"projection":"EmbeddingsApart","mapping":"Last"}""" }, { "states", """{"weight":1,"isStandardised":true,"embeddings":false}""" },
        { "scores", """{"weight":1}""" }, { "scores", """{"weight":1,"teacherLayers":[0,0]}""" },
        { "relations", """{"weight":1,"relationHeads":2}""" }, { "relations", """{"weight":1,"relationHeads":1,"queries":0,"keys":0.5,"teacherLayer":1}""" },
    };

    [Fact]
    public void Golden_PatientDistanceOfTwoChannels_IsAsSummedAndAsAveraged()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach ((string reduction, double weight, double expected) in new[] { ("Summed", 1.0, 0.4), ("PerElement", 1, 0.2), ("PerElement", 500, 100) })
        {
            // Layer 1 of 2; what else the models say is not looked at.
            Outputs student = States([9, 9], [0, 2], [7, 5]), teacher = States([1, 3], [3, 4], [2, 6]);
            double found = Sum(new PatientLayers(), $$"""{"weight":{{weight}},"reduction":"{{reduction}}"}""", Config(2, 2), Config(2, 2), student, teacher, IsToken(1)).item<double>();
            Assert.Equal(expected, weight * found, 1e-6);
        }
    }

    [Fact]
    public void Golden_ProjectedStateOfTwoChannels_IsItsMeanSquaredError()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor found = Sum(new LayerStates(), """{"weight":1,"embeddings":false}""", Config(1, 2), Config(1, 3), States([8, 8], [1, 2]), States([5, 5, 5], [1, 1, 1]), IsToken(1),
            module => Set(module, ("projection.weight", [1, 0, 0, 1, 1, 1]), ("projection.bias", [0, 0, 0])));
        Assert.Equal(1.666667, found.item<double>(), 1e-6);
    }

    [Fact]
    public void Golden_ScoresOfTwoTokensThatLookBack_LeaveOutTheOneAhead()
    {
        using DisposeScope scope = NewDisposeScope();
        Outputs student = OfScores([1, -10000, 2, 3]), teacher = OfScores([0, -10000, 2, 1]);
        Tensor found = Sum(new AttentionScores(), """{"weight":1}""", Config(1, 2), Config(1, 2), student, teacher, IsToken(2));
        Assert.Equal(1.666667, found.item<double>() / Counts(2).LookingBack().Pairs, 1e-6);
        // All four places, as the authors' code counts them.
        found = Sum(new AttentionScores(), """{"weight":1}""", Encoder(1, 2), Encoder(1, 2), student, teacher, IsToken(2));
        Assert.Equal(1.25, found.item<double>() / Counts(2).Pairs, 1e-6);

        static Outputs OfScores(double[] scores) => new(empty(0), [], []) { Scores = [tensor(scores, [1, 1, 2, 2])] };
    }

    [Theory]
    [InlineData("bert", 0.0588)]
    [InlineData("gpt2", 0.0294)]
    public void Golden_RelationsOfTwoValues_AreThoseOfTheFormula(string family, double expected)
    {
        using DisposeScope scope = NewDisposeScope();
        Architecture Of(int width) => family == "bert" ? Encoder(1, width) : Config(1, width);
        Outputs OfValues(double[] values, int width) => new(empty(0), [], [])
        {
            Inputs = [new AttentionInputs(zeros([1, 2, width], ScalarType.Float64), zeros([1, 2, width], ScalarType.Float64), tensor(values, [1, 2, width]))],
        };
        Tensor found = Sum(new AttentionRelations(), """{"weight":1,"relationHeads":1,"queries":0,"keys":0}""", Of(1), Of(2), OfValues([1, 1], 1), OfValues([1, 0, 0, 1], 2), IsToken(2));
        Assert.Equal(expected, found.item<double>() / Counts(2).Rows, 5e-5);
    }

    [Theory]
    [MemberData(nameof(Terms))]
    public void Gradient_AtTheStudentAndAtItsParameters_AgreesWithFiniteDifferences(string name, string term)
    {
        foreach (string family in s_both)
        {
            using DisposeScope scope = NewDisposeScope();
            using var pair = new Pair(name, term, family);
            Tensor[] varied = [.. pair.Varied, .. pair.Module.parameters()];
            pair.Sum().backward();
            foreach (Tensor one in varied.Where(one => one.grad is not null))
            {
                double[] gradient = one.grad!.data<double>().ToArray();
                for (int i = 0; i < gradient.Length; i += Math.Max(1, gradient.Length / 40))
                {
                    const double step = 1e-6;
                    double Moved(double by)
                    {
                        using IDisposable noGradient = no_grad();
                        one.view(-1)[i].add_(by);
                        double value = pair.Sum().item<double>();
                        one.view(-1)[i].sub_(by);
                        return value;
                    }
                    Assert.Equal((Moved(step) - Moved(-step)) / (2 * step), gradient[i], 1e-6 * Math.Max(1, Math.Abs(gradient[i])));
                }
            }
            // Parameters of a loss are all learned, and of the student's tensors at least those of one layer.
            Assert.All(pair.Module.parameters(), parameter => Assert.NotNull(parameter.grad));
            Assert.Contains(pair.Varied, one => one.grad is not null && one.grad.abs().sum().item<double>() > 0);
        }
    }

    [Theory]
    [MemberData(nameof(Terms))]
    public void Sum_WhateverStandsAtPadding_IsTheSameAndGivesItNoGradient(string name, string term)
    {
        foreach (string family in s_both)
        {
            using DisposeScope scope = NewDisposeScope();
            using var pair = new Pair(name, term, family);
            double expected = pair.Sum().item<double>();
            Assert.True(expected > 0);
            pair.Scramble();
            Tensor sum = pair.Sum();
            Assert.Equal(expected, sum.item<double>(), 1e-9 * expected);
            sum.backward();
            Assert.Equal(0, pair.GradientAtPadding());
        }
    }

    [Theory]
    [InlineData(12, 6, LayerMapping.Skip, true, new[] { 2, 4, 6, 8, 10 })]
    [InlineData(12, 6, LayerMapping.Last, true, new[] { 7, 8, 9, 10, 11 })]
    [InlineData(12, 3, LayerMapping.Skip, true, new[] { 4, 8 })]
    [InlineData(12, 3, LayerMapping.Last, true, new[] { 10, 11 })]
    [InlineData(24, 6, LayerMapping.Skip, true, new[] { 4, 8, 12, 16, 20 })]
    [InlineData(12, 4, LayerMapping.Skip, false, new[] { 3, 6, 9, 12 })]
    [InlineData(12, 5, LayerMapping.Skip, false, new[] { 2, 5, 7, 10, 12 })]
    [InlineData(12, 12, LayerMapping.Skip, false, new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 })]
    [InlineData(3, 1, LayerMapping.Last, true, new[] { 3 })]
    public void Pairs_OfTwoDepths_AreThePapers(int teacher, int student, LayerMapping mapping, bool leavesLast, int[] expected) => Assert.Equal(
        expected.Select((layer, i) => new LayerPair(i + 1, layer)), LayerMap.Pairs(mapping, null, student, teacher, leavesLast));

    [Theory]
    [InlineData("patient", """{"weight":1,"teacherLayers":[]}""", "a list of 0 teacher layers for a student of 3; expected 2, one for each but the last, or 3")]
    [InlineData("patient", """{"weight":1,"teacherLayers":[0,1,2,3]}""", "a list of 4 teacher layers")]
    [InlineData("patient", """{"weight":1,"teacherLayers":[0,4]}""", "lists the teacher layer 4; expected layers from 0 to 3")]
    [InlineData("patient", """{"weight":1,"vectors":"FirstToken"}""", "has seen nothing but itself; expected LastToken or EveryToken")]
    [InlineData("states", """{"weight":1,"teacherLayers":[0,1]}""", "a list of 2 teacher layers for a student of 3; expected 3, one for each")]
    [InlineData("scores", """{"weight":1,"teacherLayers":[-1,0,0]}""", "lists the teacher layer -1")]
    [InlineData("scores", """{"weight":1}""", "the student has 1 of them, the teacher 2; expected as many. Choose a student of 2 heads")]
    [InlineData("relations", """{"weight":1,"relationHeads":16}""", "splits 8 channels of the student's attention into 16 relation heads; expected a number that divides 8 and 12. Choose 4")]
    [InlineData("relations", """{"weight":1,"teacherLayer":4}""", "the teacher layer 4; expected one from 0 to 3")]
    [InlineData("relations", """{"weight":1,"queries":0,"keys":0,"values":0}""", "compares nothing")]
    public void Mismatch_OfModelsOrParameters_SaysWhatWouldFit(string name, string term, string said)
    {
        Architecture student = Config(3, 8, heads: 1), teacher = Config(4, 12, heads: 2);
        Assert.Contains(said, Loss(name).Mismatch(In(name, term), student, teacher));
    }

    [Theory]
    [InlineData("patient")]
    [InlineData("states")]
    [InlineData("scores")]
    public void Mismatch_StudentDeeperThanTheTeacher_IsRefusedUnlessItsLayersAreListed(string name)
    {
        Architecture student = Config(3, 8, heads: 2), teacher = Config(2, 8, heads: 2);
        Assert.Contains("expected a student of at most 2", Loss(name).Mismatch(In(name, """{"weight":1}"""), student, teacher));
        Assert.Null(Loss(name).Mismatch(In(name, """{"weight":1,"teacherLayers":[0,0,1]}"""), student, teacher));
    }

    [Fact]
    public void Mismatch_ModelsThatAttendInOtherWays_IsRefusedWhereThatIsCompared()
    {
        foreach (string name in new[] { "scores", "relations" })
            Assert.Contains("looks back only where BERT looks both ways", Loss(name).Mismatch(In(name, """{"weight":1}"""), Config(2, 8, heads: 2), Encoder(2, 8, heads: 2)));
        foreach (string name in new[] { "patient", "states" })
            Assert.Null(Loss(name).Mismatch(In(name, """{"weight":1}"""), Config(2, 8, heads: 2), Encoder(2, 8, heads: 2)));
        Assert.Null(Loss("patient").Mismatch(In("patient", """{"weight":1,"vectors":"FirstToken"}"""), Encoder(2, 8), Encoder(4, 8)));
    }

    internal static WholeLoss Loss(string name) => (WholeLoss)LossCatalogue.All.Single(loss => loss.Name == name);

    internal static RunOptions In(string name, string term) => new()
    {
        Objective = new Dictionary<string, ObjectiveTerm> { [name] = JsonSerializer.Deserialize<ObjectiveTerm>(term, JsonSerializerOptions.Web)! },
    };

    private static Gpt2Config Config(int layers, int width, int heads = 1) => SmallModels.Config(layers, width) with { NHead = heads };

    private static Architecture Encoder(int layers, int width, int heads = 1) => ModelFamilies.Find("bert").Create(new NewModel(SmallModels.Vocabulary, 24, width, layers, heads, 1));

    private static LossCounts Counts(long length) => new(length, 0, 1, length * length);

    private static Tensor IsToken(int length) => ones([1, length], ScalarType.Bool);

    // The layers of one token, the embeddings first.
    private static Outputs States(params double[][] layers) => new(empty(0), [.. layers.Select(layer => tensor(layer, [1, 1, layer.Length]))], []);

    private static Tensor Sum(WholeLoss loss, string term, Architecture student, Architecture teacher, Outputs s, Outputs t, Tensor isToken, Action<WholeLossModule>? set = null)
    {
        RunOptions options = In(loss.Name, term);
        Assert.Null(loss.Mismatch(options, student, teacher));
        using WholeLossModule module = loss.Bind(options, student, teacher);
        set?.Invoke(module);
        module.to(ScalarType.Float64);
        return module.Sum(s, t, new WholeBatch(zeros_like(isToken, ScalarType.Int64), isToken));
    }

    private static void Set(WholeLossModule module, params (string Name, float[] Values)[] parameters)
    {
        foreach ((string name, float[] values) in parameters)
            ParameterData.Write(module.named_parameters().Single(pair => pair.name == name).parameter, memory => values.CopyTo(memory));
    }

    /// <summary>What two models of a loss might have said of two rows, of which one ends in padding.</summary>
    private sealed class Pair : IDisposable
    {
        private const int StudentLayers = 2, TeacherLayers = 3, Heads = 2;

        private readonly Outputs _student, _teacher;
        private readonly WholeBatch _batch;
        private readonly Tensor _isToken = tensor((bool[])[true, true, true, true, true, true, false, false], [Rows, Columns]);

        public Pair(string name, string term, string family)
        {
            manual_seed(11);
            (int narrow, int wide) = (4, 6);
            Architecture Of(int layers, int width) => family == "bert" ? Encoder(layers, width, Heads) : Config(layers, width, Heads);
            (_student, _teacher) = (Said(StudentLayers, narrow, isTrained: true), Said(TeacherLayers, wide, isTrained: false));
            RunOptions options = In(name, term);
            Assert.Null(Loss(name).Mismatch(options, Of(StudentLayers, narrow), Of(TeacherLayers, wide)));
            Module = Loss(name).Bind(options, Of(StudentLayers, narrow), Of(TeacherLayers, wide));
            Module.to(ScalarType.Float64);
            _batch = new WholeBatch(zeros([Rows, Columns], ScalarType.Int64), _isToken);
        }

        public WholeLossModule Module { get; }

        public Tensor[] Varied => [.. _student.Layers, .. _student.Scores, .. _student.Inputs.SelectMany(inputs => new[] { inputs.Queries, inputs.Keys, inputs.Values })];

        public Tensor Sum() => Module.Sum(_student, _teacher, _batch);

        /// <summary>Puts other numbers wherever a token of padding stands.</summary>
        public void Scramble()
        {
            using IDisposable noGradient = no_grad();
            foreach (Tensor one in All(_student).Concat(All(_teacher)))
                one.add_(AtPadding(one).to(ScalarType.Float64) * 50 * randn_like(one));
        }

        public double GradientAtPadding() => Varied.Where(one => one.grad is not null).Sum(one => (one.grad!.abs() * AtPadding(one).to(ScalarType.Float64)).sum().item<double>());

        public void Dispose() => Module.Dispose();

        private static IEnumerable<Tensor> All(Outputs outputs) =>
            [.. outputs.Layers, .. outputs.Scores, .. outputs.Inputs.SelectMany(inputs => new[] { inputs.Queries, inputs.Keys, inputs.Values })];

        // Of maps [B, H, T, T] where either token is none, of states [B, T, C] where the one is none.
        private Tensor AtPadding(Tensor one) => one.dim() == 3 ? _isToken.logical_not().unsqueeze(2)
            : _isToken.unsqueeze(1).unsqueeze(3).logical_and(_isToken.unsqueeze(1).unsqueeze(2)).logical_not();

        private static Outputs Said(int layers, int width, bool isTrained)
        {
            Tensor Drawn(params long[] shape)
            {
                Tensor drawn = randn(shape, ScalarType.Float64);
                return isTrained ? drawn.requires_grad_() : drawn;
            }
            Tensor States() => Drawn(Rows, Columns, width);
            return new Outputs(empty(0), [.. Enumerable.Range(0, layers + 1).Select(_ => States())], [])
            {
                Scores = [.. Enumerable.Range(0, layers).Select(_ => Drawn(Rows, Heads, Columns, Columns))],
                Inputs = [.. Enumerable.Range(0, layers).Select(_ => new AttentionInputs(States(), States(), States()))],
            };
        }
    }
}
