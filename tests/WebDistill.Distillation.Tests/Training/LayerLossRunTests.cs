using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;
using Architecture = WebDistill.Distillation.Models.Architecture;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>The losses between layers in real runs of small GPT-2s, alone and together: what they teach, weigh and keep.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LayerLossRunTests
{
    private static readonly string[] s_names = ["patient", "states", "scores", "relations"];

    private static readonly RunOptions s_options = ResumableRun.Options with
    {
        // Narrower than its teacher, so that there are projections.
        Student = new() { Initialisation = "random", LayerCount = 1, Width = 8, Heads = 2, Dropout = 0, InitialiserRange = 0.2 },
        Schedule = ResumableRun.Options.Schedule with { GradientAccumulation = 1, ValidationIntervalSteps = 0, Epochs = 1 },
        Optimiser = ResumableRun.Options.Optimiser with { MaxGradientNorm = 1e30 },
        Objective = Objective(("ce", """{"weight":0.5}"""), ("patient", """{"weight":0.7}"""), ("states", """{"weight":0.3,"projection":"EmbeddingsApart"}"""),
            ("scores", """{"weight":0.2}"""), ("relations", """{"weight":0.9,"relationHeads":2}""")),
    };

    [Fact]
    public void Step_AllOfThemBesideARowLoss_GivesTheGradientOfOneGraph()
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel teacher = SmallModels.Random(1), student = Narrow(), twin = Narrow();
        TokenBatch batch = SmallModels.Batch(5, 9, 4, 7);
        using var trainer = Trainers.Create(s_options, teacher, student, 1, () => batch, null);
        StepReport report = trainer.Step();

        Tensor ids = tensor(batch.Ids, [batch.Rows, batch.Columns], device: Distillation.Engine.Device.Default);
        WholeLoss[] losses = [.. s_names.Select(LayerLossTests.Loss)];
        Outputs s = twin.Forward(new ModelInput(ids), losses.Aggregate(Wants.Hidden, (all, loss) => all | loss.OfStudent)), t;
        using (no_grad())
            t = teacher.Forward(new ModelInput(ids), losses.Aggregate(Wants.Hidden, (all, loss) => all | loss.OfTeacher));
        var seen = new WholeBatch(ids, tensor(batch.IsToken(), [batch.Rows, batch.Columns], device: ids.device));
        // Of every sequence of n tokens n(n + 1)/2 pairs.
        var counts = new LossCounts(20, 17, 3, 9 * 10 / 2 + 4 * 5 / 2 + 7 * 8 / 2);
        Tensor? total = null;
        var modules = new List<(string Loss, WholeLossModule Module)>();
        foreach (WholeLoss loss in losses)
        {
            manual_seed(s_options.Seed);
            WholeLossModule module = loss.Bind(s_options, twin.Architecture, teacher.Architecture);
            modules.Add((loss.Name, module));
            Tensor mean = module.Sum(s, t, seen) / loss.Divisor(counts, loss.ParametersIn(s_options), SmallModels.Vocabulary);
            GoldenFiles.AssertNear(mean.cpu().item<float>(), report.Values[loss.Name], 1e-5, 1e-7, loss.Name);
            total = total is null ? mean * loss.Weight(s_options) : total + mean * loss.Weight(s_options);
        }
        Tensor LogitsOf(TextModel model, Outputs outputs) => model.Logits(seen.OfTokens(outputs.Hidden));
        var ce = (RowLoss)LossCatalogue.All.Single(loss => loss.Name == "ce");
        total = total! + ce.Sum(new LossRows { StudentLogits = LogitsOf(twin, s), TeacherLogits = LogitsOf(teacher, t).detach() }, ce.ParametersIn(s_options)) * (ce.Weight(s_options) / counts.Rows);
        total.backward();
        BackwardResults.End();

        Dictionary<string, Parameter> trained = trainer.Moments.ToDictionary(moments => moments.Name, moments => moments.Parameter);
        Assert.Contains("losses.states.embeddings_projection.weight", trained.Keys);
        Assert.Contains("losses.patient.projection.bias", trained.Keys);
        foreach ((string name, Parameter parameter) in twin.named_parameters().Concat(
            modules.SelectMany(one => one.Module.named_parameters().Select(pair => ($"losses.{one.Loss}.{pair.name}", pair.parameter)))))
        {
            float[] expected = ParameterData.ToArray(parameter.grad!);
            Assert.Contains(expected, value => value != 0);
            GoldenFiles.AssertClose(expected, ParameterData.ToArray(trained[name].grad!), 2e-5 * Math.Max(1, expected.Max(MathF.Abs)), name);
        }
        modules.ForEach(one => one.Module.Dispose());
    }

    [Fact]
    public void Step_MorePadding_ChangesNothing()
    {
        TokenBatch batch = SmallModels.Batch(5, 9, 4), wider = Widened(batch, columns: 14);
        (StepReport report, Dictionary<string, float[]> gradients) = Stepped(s_options, batch);
        (StepReport padded, Dictionary<string, float[]> found) = Stepped(s_options, wider);
        foreach (string name in s_names)
            GoldenFiles.AssertNear(report.Values[name], padded.Values[name], 1e-6, 1e-7, name);
        foreach ((string name, float[] values) in gradients)
            GoldenFiles.AssertClose(values, found[name], 1e-5 * Math.Max(1, values.Max(MathF.Abs)), name);
    }

    /// <summary>Each token, sequence and pair weighs the same in an update, however its micro-batches are cut.</summary>
    [Theory]
    [InlineData("EveryToken")]
    [InlineData("LastToken")]
    public void Step_UnequalMicroBatches_AreOneBatch(string vectors)
    {
        RunOptions options = s_options with
        {
            Objective = new Dictionary<string, ObjectiveTerm>(s_options.Objective) { ["patient"] = Term($$"""{"weight":0.7,"vectors":"{{vectors}}"}""") },
        };
        TokenBatch whole = SmallModels.Batch(5, 9, 4, 7);
        TokenBatch Row(int row) => new([.. whole.Ids.Skip(row * whole.Columns).Take(whole.Lengths[row])], [whole.Lengths[row]], 1, whole.Lengths[row]);
        (StepReport report, Dictionary<string, float[]> gradients) = Stepped(options, whole);
        (StepReport cut, Dictionary<string, float[]> found) = Stepped(options with { Schedule = options.Schedule with { GradientAccumulation = 3, BatchSize = 1 } }, Row(0), Row(1), Row(2));
        foreach (string name in s_names)
            GoldenFiles.AssertNear(report.Values[name], cut.Values[name], 1e-5, 1e-7, name);
        foreach ((string name, float[] values) in gradients)
            GoldenFiles.AssertClose(values, found[name], 1e-5 * Math.Max(1, values.Max(MathF.Abs)), name);
    }

    [Theory]
    [InlineData("patient", """{"weight":1}""", 0.6)]
    [InlineData("patient", """{"weight":1,"vectors":"LastToken","mapping":"Last","teacherLayers":[0]}""", 0.6)]
    [InlineData("states", """{"weight":1}""", 0.6)]
    [InlineData("states", """{"weight":1,"isStandardised":true}""", 0.6)]
    [InlineData("scores", """{"weight":1}""", 0.6)]
    [InlineData("relations", """{"weight":1,"relationHeads":2}""", 0.6)]
    public void Run_OneOfThemAlone_Falls(string name, string term, double share)
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 60);
        using var run = new ResumableRun(s_options with { Objective = Objective((name, term)), Schedule = s_options.Schedule with { Epochs = 3 } }, tokens, null);
        var journal = new Journal();
        run.Trainer.Run(journal, null, CancellationToken.None);
        double[] values = [.. journal.Reports.Select(report => report.Values[name])];
        double first = values.Take(3).Average(), last = values.TakeLast(5).Average();
        Assert.True(last < share * first, $"{name} fell from {first} to {last} in {values.Length} updates.");
    }

    [Fact]
    public void Run_CutAndResumed_EndsBitForBitTheSameWithItsProjections()
    {
        RunOptions options = s_options with { Student = s_options.Student with { Dropout = 0.1 } };
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 60);
        using var whole = new ResumableRun(options, tokens, null);
        Dictionary<string, float[]> drawn = OfLosses(whole);
        Assert.Equal(6, drawn.Count);
        whole.Trainer.Run(new Journal(), null, CancellationToken.None);
        var store = new CheckpointStore(folder.File("run"), FileLayer.Disk);
        using (var first = new ResumableRun(options, tokens, null))
        {
            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => first.Trainer.Run(
                new Journal(), () => { if (first.Trainer.CompletedSteps == 7) stop.Cancel(); }, stop.Token));
            first.Save(store, FileLayer.Disk);
        }
        using var resumed = new ResumableRun(options, tokens, null, store.Newest(out _)!.Value.Folder);
        Assert.Empty(resumed.Fresh);
        resumed.Trainer.Run(new Journal(), null, CancellationToken.None);
        Assert.True(resumed.Trainer.CompletedSteps > 12);
        foreach ((string name, float[] values) in OfLosses(whole))
        {
            Assert.NotEqual(drawn[name], values);
            Assert.Equal(values, OfLosses(resumed)[name]);
        }
        foreach ((string name, float[] values) in whole.Weights)
            Assert.Equal(values, resumed.Weights[name]);
        // The student is what its configuration says, and nothing of a loss.
        Assert.DoesNotContain(whole.Weights.Keys, name => name.Contains("projection", StringComparison.Ordinal));

        static Dictionary<string, float[]> OfLosses(ResumableRun run) =>
            run.Trainer.Moments.Where(one => one.Loss is not null).ToDictionary(one => one.Name, one => ParameterData.ToArray(one.Parameter));
    }

    [Fact]
    public void Check_ModelsThatALossCannotCompare_IsRefusedAtItsWeight()
    {
        RunOptions options = s_options with { Student = s_options.Student with { Heads = 4, LayerCount = 3 } };
        IReadOnlyList<OptionProblem> problems = RunPlan.Check(options, SmallModels.Config(), null, SmallModels.Vocabulary, null);
        Assert.Equal(["objective.patient.weight", "objective.scores.weight", "objective.states.weight"], problems.Select(problem => problem.Field).Order());
    }

    [Theory]
    [InlineData("states", """{"weight":1,"projection":"EmbeddingsApart"}""", """{"weight":1,"projection":"Shared"}""", "objective.states.projection")]
    [InlineData("states", """{"weight":1}""", """{"weight":2,"mapping":"Last","isStandardised":true}""", null)]
    public void CheckContinuation_WhatDecidesTheProjections_IsKept(string name, string before, string after, string? refused) => Assert.Equal(
        refused is null ? [] : [refused],
        TrainingCheckpoint.CheckContinuation(s_options with { Objective = Objective((name, before)) }, s_options with { Objective = Objective((name, after)) }).Select(problem => problem.Field));

    [Theory]
    [InlineData("patient")]
    [InlineData("states")]
    [InlineData("scores")]
    [InlineData("relations")]
    public void Validate_WithSeveralTeachers_IsRefused(string name)
    {
        RunOptions options = s_options with { Teacher = new() { ModelId = "a", Others = ["b"] }, Objective = Objective((name, """{"weight":1}""")) };
        OptionProblem problem = Assert.Single(LossCatalogue.Validate(options));
        Assert.Equal($"objective.{name}.weight", problem.Field);
        Assert.Contains("compares layers, of which several teachers have no common ones", problem.Message);
    }

    private static TextModel Narrow() => TextModel.CreateRandom(SmallModels.Config(layers: 1, width: 8), 2);

    private static IReadOnlyDictionary<string, ObjectiveTerm> Objective(params (string Name, string Term)[] terms) => terms.ToDictionary(one => one.Name, one => Term(one.Term));

    private static ObjectiveTerm Term(string json) => JsonSerializer.Deserialize<ObjectiveTerm>(json, JsonSerializerOptions.Web)!;

    private static TokenBatch Widened(TokenBatch batch, int columns)
    {
        long[] ids = [.. Enumerable.Repeat((long)SmallModels.Vocabulary - 1, batch.Rows * columns)];
        for (int i = 0; i < batch.Ids.Length; i++)
            ids[i / batch.Columns * columns + i % batch.Columns] = batch.Ids[i];
        return new TokenBatch(ids, batch.Lengths, batch.Rows, columns);
    }

    // One update over the batches; what it left in the gradients.
    private static (StepReport, Dictionary<string, float[]>) Stepped(RunOptions options, params TokenBatch[] batches)
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel teacher = SmallModels.Random(1), student = Narrow();
        int next = 0;
        using var trainer = Trainers.Create(options, teacher, student, batches.Length, () => batches[next++], null);
        StepReport report = trainer.Step();
        return (report, trainer.Moments.ToDictionary(one => one.Name, one => ParameterData.ToArray(one.Parameter.grad!)));
    }
}
