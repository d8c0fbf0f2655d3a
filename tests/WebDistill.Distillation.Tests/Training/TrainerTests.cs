using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <remarks>Dropout draws from the engine's one global stream, which two runs in one process would take from each other.</remarks>
[Collection(GlobalRandomNumbers.Name)]
public sealed class TrainerTests
{
    private static readonly RunOptions s_options = new()
    {
        Schedule = new() { Epochs = 1, BatchSize = 2, WarmupProportion = 0 },
        Data = new() { ContextLength = 12 },
        Student = new() { Dropout = 0 },
        Optimiser = new() { LearningRate = 1e-2 },
        Objective = Terms.Of(mse: 0.01),
    };

    [Fact]
    public void Step_FourMicroBatchesOfOne_EqualOneOfFour()
    {
        // Lengths differ, so that weighing micro-batches alike instead of tokens would show.
        int[] lengths = [3, 12, 7, 9];
        TokenBatch whole = SmallModels.Batch(1, lengths);
        TokenBatch[] parts = [.. lengths
            .Select((length, row) => new TokenBatch(whole.Ids[(row * 12)..(row * 12 + length)], [length], 1, length))];
        (StepReport together, Dictionary<string, float[]> one) = OneStep(s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 1 } }, [whole]);
        (StepReport apart, Dictionary<string, float[]> four) = OneStep(s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 4 } }, parts);

        GoldenFiles.AssertNear(together.TotalLoss, apart.TotalLoss, 1e-6, 0, "total loss");
        GoldenFiles.AssertNear(together.Values["gradientNorm"], apart.Values["gradientNorm"], 1e-5, 0, "gradient norm");
        Assert.Equal(together.TokensSeen, apart.TokensSeen);
        foreach ((string name, float[] gradient) in one)
            GoldenFiles.AssertClose(gradient, four[name], 2e-5, $"gradient of {name}");
    }

    [Fact]
    public void Step_AllTokensMasked_LossIsZeroAndNothingMoves()
    {
        TokenBatch empty = new(new long[24], [0, 0], 2, 12);
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        Dictionary<string, float[]> before = SmallModels.Weights(student);
        using var trainer = Trainers.Create(s_options, teacher, student, 1, () => empty, null);
        StepReport report = trainer.Step();
        Assert.Equal(0, report.TotalLoss);
        Assert.Equal(0, report.Values["gradientNorm"]);
        Assert.Equal(0, report.TokensSeen);
        foreach ((string name, float[] weights) in SmallModels.Weights(student))
            Assert.Equal(before[name], weights);
    }

    [Fact]
    public void Run_SameSeedTwice_GivesBitwiseTheSameWeights()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        RunOptions options = s_options with { Schedule = s_options.Schedule with { Epochs = 2, GradientAccumulation = 2 } };
        Dictionary<string, float[]> first = Train(options, tokens, disturb: false), second = Train(options, tokens, disturb: true);
        foreach ((string name, float[] weights) in first)
            Assert.Equal(weights, second[name]);
        Dictionary<string, float[]> other = Train(options with { Seed = 57 }, tokens, disturb: false);
        Assert.NotEqual(first["wte.weight"], other["wte.weight"]);

        static Dictionary<string, float[]> Train(RunOptions options, TokenFile tokens, bool disturb)
        {
            using TextModel teacher = SmallModels.Random(1);
            using TextModel student = TextModel.CreateRandom(
                SmallModels.Config(layers: 1) with { EmbdPdrop = 0.1, AttnPdrop = 0.1, ResidPdrop = 0.1 }, 2);
            using var trainer = Trainers.Create(options, teacher, student, tokens, null);
            while (trainer.CompletedSteps < trainer.TotalSteps)
            {
                trainer.Step();
                // Someone else's random numbers, and a model that is loaded meanwhile, must not change a run.
                if (disturb)
                {
                    torch.rand(5).Dispose();
                    SmallModels.Random(9).Dispose();
                }
            }
            return SmallModels.Weights(student);
        }
    }

    [Fact]
    public void Run_MeasuredStep_IsMeasuredWhateverTheIntervalIsAndChangesNothingElse()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 20);
        RunOptions options = s_options with { Schedule = s_options.Schedule with { Epochs = 2, BatchSize = 4, ValidationIntervalSteps = 0, ValidationMaxTokens = 400 } };
        List<StepReport>[] reports = [.. new int?[] { null, 3 }.Select(measured =>
        {
            using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
            using var trainer = Trainers.Create(options, teacher, student, tokens, tokens);
            var journal = new Journal();
            trainer.Run(journal, null, CancellationToken.None, measured);
            return journal.Reports;
        })];
        Assert.True(reports[0].Count > 3);
        Assert.Equal(reports[0].Select(report => report.TotalLoss), reports[1].Select(report => report.TotalLoss));
        Assert.Equal([reports[0].Count], reports[0].Where(report => report["validationPerplexity"] is not null).Select(report => report.Step));
        Assert.Equal([3, reports[0].Count], reports[1].Where(report => report["validationPerplexity"] is not null).Select(report => report.Step));
    }

    [Fact]
    public void Run_WithTeacher_LossFallsAndTheStudentNearsTheTeacher()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 60);
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        var journal = new Journal();
        List<StepReport> reports = journal.Reports;
        var updates = new List<int>();
        RunOptions options = s_options with
        {
            Schedule = s_options.Schedule with { Epochs = 6, BatchSize = 4, ValidationIntervalSteps = 10, ValidationMaxTokens = 400 },
        };
        using var trainer = Trainers.Create(options, teacher, student, tokens, tokens);
        trainer.Run(journal, () => updates.Add(trainer.CompletedSteps), CancellationToken.None);

        Assert.Equal(trainer.TotalSteps, reports.Count);
        Assert.Equal(Enumerable.Range(1, reports.Count), reports.Select(report => report.Step));
        Assert.True(reports[^1]["ce"] < 0.7 * reports[0]["ce"],
            $"{reports[0]["ce"]} to {reports[^1]["ce"]}");
        Assert.Equal(6, reports[^1].Epoch, 6);
        Assert.Equal(reports.Select(report => report.Step), updates);
        Assert.All(reports, report =>
            Assert.Equal(report.Step % 10 == 0 || report.Step == trainer.TotalSteps, report["validationPerplexity"] is not null));
        Assert.Equal(trainer.LastValidationPerplexity, Perplexity.Stored(reports[^1]["validationPerplexity"], reports[^1]["validationNatsPerToken"]));
        Assert.Equal(Perplexity.Measure(student, tokens, 12, 400).Value, trainer.LastValidationPerplexity!.Value.Value, 6);
        Assert.Equal(Perplexity.Measure(teacher, tokens, 12, 400).Value, trainer.TeacherValidationPerplexity!.Value.Value, 6);
        Assert.Equal(trainer.TeacherValidationPerplexity, journal.Teacher);
        Assert.Contains(journal.Notes, line => line.Contains("Teacher's perplexity"));
    }

    [Fact]
    public void Run_WithoutTeacher_TrainsOnTheTextAlone()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using TextModel student = SmallModels.Random(2, layers: 1);
        var journal = new Journal();
        List<StepReport> reports = journal.Reports;
        using var trainer = Trainers.Create(s_options with { Schedule = s_options.Schedule with { Epochs = 4, BatchSize = 4 } }, null, student, tokens, null);
        trainer.Run(journal, null, CancellationToken.None);
        Assert.All(reports, report => Assert.Null(report["ce"] ?? report["mse"] ?? report["cos"]));
        Assert.True(reports[^1]["clm"] < reports[0]["clm"] - 0.5);
        Assert.Equal(s_options.Objective["clm"].Weight * reports[^1]["clm"]!.Value, reports[^1].TotalLoss, 9);
    }

    [Fact]
    public void Step_LeftOverMicroBatches_MakeAnUpdateOfTheirOwn()
    {
        int served = 0;
        using TextModel student = SmallModels.Random(2, layers: 1);
        using var trainer = Trainers.Create(s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 4, Epochs = 2 } }, null, student, 11, (
            ) => SmallModels.Batch(served++, 5, 8), null);
        Assert.Equal([4, 8, 11, 15, 19, 22], ServedAfterEachStep(trainer, () => served));
        Assert.Contains(trainer.Notes, note => note.Contains("3 instead of 4"));
    }

    [Fact]
    public void Step_LeftOverMicroBatchesAsTheReference_AreCarriedIntoTheNextEpoch()
    {
        int served = 0;
        using TextModel student = SmallModels.Random(2, layers: 1);
        RunOptions options =
            s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 4, Epochs = 2, Semantics = TrainingSemantics.HuggingFaceExact } };
        using var trainer = Trainers.Create(options, null, student, 11, () => SmallModels.Batch(served++, 5, 8), null);
        // 4, 4, 7 and 4 micro-batches; the last 3 are never used.
        Assert.Equal([4, 8, 15, 19], ServedAfterEachStep(trainer, () => served));
    }

    [Fact]
    public void Constructor_CorpusSmallerThanOneUpdate_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 4);
        using TextModel student = SmallModels.Random(2);
        var problem = Assert.Throws<ArgumentException>((
            ) => Trainers.Create(s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 500 } }, null, student, tokens, null));
        Assert.Contains("500", problem.Message);
        Assert.Contains("nothing would be trained", problem.Message);
    }

    [Fact]
    public void Constructor_VocabulariesThatDiffer_AreRefusedWithBothNumbers()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder), otherTokens = SmallModels.Tokens(folder, vocabulary: 41, name: "other.bin");
        using TextModel teacher = SmallModels.Random(1, vocabulary: 41), student = SmallModels.Random(2);
        AssertNames(Assert.Throws<ArgumentException>(() => Trainers.Create(s_options, teacher, student, tokens, null)));
        AssertNames(Assert.Throws<ArgumentException>(() => Trainers.Create(s_options, null, student, otherTokens, null)));

        static void AssertNames(ArgumentException problem)
        {
            Assert.Contains("37", problem.Message);
            Assert.Contains("41", problem.Message);
        }
    }

    [Fact]
    public void Constructor_WidthsThatDiffer_AreRefusedOnlyWithTheCosineLoss()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using TextModel teacher = SmallModels.Random(1, width: 24), student = SmallModels.Random(2);
        var problem = Assert.Throws<ArgumentException>(() => Trainers.Create(s_options, teacher, student, tokens, null));
        Assert.Contains("16", problem.Message);
        Assert.Contains("24", problem.Message);
        using var trainer = Trainers.Create(s_options with { Objective = s_options.Objective.With(cos: 0) }, teacher, student, tokens, null);
        Assert.True(double.IsFinite(trainer.Step().TotalLoss));
    }

    [Fact]
    public void Constructor_ContextLongerThanTheModels_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using TextModel student = SmallModels.Random(2);
        var problem = Assert.Throws<ArgumentException>((
            ) => Trainers.Create(s_options with { Data = s_options.Data with { ContextLength = 25 } }, null, student, tokens, null));
        Assert.Contains("25", problem.Message);
        Assert.Contains("24", problem.Message);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Step_DamagedTeacher_FailsNamingStepAndTermAndLeavesTheStudent(float value)
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        ParameterData.Write(teacher.named_parameters(
            ).Single(pair => pair.Item1 == "ln_f.bias").Item2, values => { values.Clear(); values[1] = value; });
        using var trainer = Trainers.Create(s_options, teacher, student, 3, () => SmallModels.Batch(4, 6, 9), null);
        Dictionary<string, float[]> before = SmallModels.Weights(student);
        var problem = Assert.Throws<TrainingDivergedException>(trainer.Step);
        Assert.Equal(1, problem.Step);
        Assert.Contains("'ce'", problem.Message);
        Assert.Equal(0, trainer.CompletedSteps);
        foreach ((string name, float[] weights) in SmallModels.Weights(student))
            Assert.Equal(before[name], weights);
    }

    [Fact]
    public void Step_FrozenPositions_StayWhereTheyAre()
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        Dictionary<string, float[]> before = SmallModels.Weights(student);
        using var trainer = Trainers.Create(s_options with { Student = s_options.Student with { FreezePositionEmbeddings = true },
            Optimiser = s_options.Optimiser with { WeightDecay = 0.1 } }, teacher, student, 3, (
            ) => SmallModels.Batch(4, 6, 9), null);
        trainer.Step();
        Dictionary<string, float[]> after = SmallModels.Weights(student);
        Assert.Equal(before["wpe.weight"], after["wpe.weight"]);
        Assert.NotEqual(before["wte.weight"], after["wte.weight"]);
    }

    [Fact]
    public void Run_CancelledBetweenMicroBatches_LosesNoBatch()
    {
        using var stop = new CancellationTokenSource();
        int served = 0;
        using TextModel student = SmallModels.Random(2, layers: 1);
        using var trainer = Trainers.Create(s_options with { Schedule = s_options.Schedule with { GradientAccumulation = 2, ValidationIntervalSteps = 0 } }, null, student, 8, (
            ) => SmallModels.Batch(served++, 5, 8), null);
        var journal = new Journal(report =>
        {
            if (report.Step == 2)
                stop.Cancel();
        });
        List<StepReport> reports = journal.Reports;
        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Run(journal, null, stop.Token));
        Assert.Equal(2, trainer.CompletedSteps);
        trainer.Run(journal, null, CancellationToken.None);
        Assert.Equal([1, 2, 3, 4], reports.Select(report => report.Step));
        Assert.Equal(8, served);
    }

    private static IEnumerable<int> ServedAfterEachStep(Trainer trainer, Func<int> served)
    {
        var counts = new List<int>();
        while (trainer.CompletedSteps < trainer.TotalSteps)
        {
            trainer.Step();
            counts.Add(served());
        }
        return counts;
    }

    private static (StepReport Report, Dictionary<string, float[]> Gradients) OneStep(RunOptions options, TokenBatch[] batches)
    {
        int next = 0;
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        using var trainer =
            Trainers.Create(options with { Optimiser = options.Optimiser with { MaxGradientNorm = 1e30 } }, teacher, student, batches.Length, () => batches[next++], null);
        StepReport report = trainer.Step();
        return (report, student.named_parameters().ToDictionary(pair => pair.Item1, pair => ParameterData.ToArray(pair.Item2.grad!)));
    }
}

/// <summary>Tests that run alone, because they depend on the engine's global stream of random numbers.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class GlobalRandomNumbers
{
    public const string Name = "global random numbers";
}
