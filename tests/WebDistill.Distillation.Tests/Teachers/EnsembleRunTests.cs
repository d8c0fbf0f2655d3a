using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Teachers;

/// <summary>Runs with several teachers, and with temperatures that change.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class EnsembleRunTests : IDisposable
{
    private static readonly RunOptions s_options = ResumableRun.Options with
    {
        Teacher = new() { ModelId = "first", Others = ["second"] },
        Objective = Terms.Of(ce: 2, clm: 1, cos: 0, temperature: 2),
        Schedule = ResumableRun.Options.Schedule with { Epochs = 1, GradientAccumulation = 2 },
    };

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;
    private readonly string[] _teachers;
    private int _trained;

    public EnsembleRunTests()
    {
        _tokens = SmallModels.Tokens(_folder, documents: 60);
        _teachers = [.. new (long Seed, int Width)[] { (1, 16), (2, 24) }.Select(one =>
        {
            using TextModel model = SmallModels.Random(one.Seed, width: one.Width);
            string folder = _folder.File($"teacher{one.Seed}");
            ModelFiles.Save(model, folder, FileLayer.Disk);
            return folder;
        })];
    }

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<TeacherCombination, TeacherWeighting> Ways()
    {
        var ways = new TheoryData<TeacherCombination, TeacherWeighting>();
        foreach (TeacherCombination combination in Enum.GetValues<TeacherCombination>())
            foreach (TeacherWeighting weighting in Enum.GetValues<TeacherWeighting>())
                ways.Add(combination, weighting);
        return ways;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Run_CutAndGoneOn_EndsBitForBitTheSame(TeacherCombination combination, TeacherWeighting weighting)
    {
        RunOptions options = s_options with { Teacher = s_options.Teacher with { Combination = combination, Weighting = weighting } };
        AssertResumesExactly(options, _teachers);
    }

    [Fact]
    public void Run_TemperatureThatFalls_IsChartedAndGoesOnExactly()
    {
        RunOptions options = s_options with
        {
            Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(1, ("temperature", 8.0), ("temperatureSchedule", "Linear"), ("lastTemperature", 1.0)) },
        };
        IReadOnlyList<StepReport> reports = AssertResumesExactly(options, _teachers);
        Assert.All(reports, report => Assert.Equal(8 - 7.0 * (report.Step - 1) / (reports.Count - 1), report[LoopSeries.Temperature.Name]!.Value, 1e-12));
        Assert.Equal((8, 1), (reports[0][LoopSeries.Temperature.Name], reports[^1][LoopSeries.Temperature.Name]));
        AssertResumesExactly(options with { Teacher = new() { ModelId = "first" } }, _teachers[..1]);
    }

    [Fact]
    public void Run_ConstantTemperature_IsToTheBitThatWithoutASchedule()
    {
        RunOptions alone = s_options with { Teacher = new() { ModelId = "first" } };
        RunOptions said = alone with
        {
            Objective = new Dictionary<string, ObjectiveTerm>(alone.Objective) { ["ce"] = new(2, ("temperature", 2.0), ("temperatureSchedule", "Constant"), ("lastTemperature", 9.0)) },
        };
        Ended one = Train(alone, _teachers[..1]), other = Train(said, _teachers[..1]);
        Assert.Equal(one.Reports, other.Reports);
        Assert.Equal(one.Weights, other.Weights);
        Assert.All(one.Reports, report => Assert.Null(report[LoopSeries.Temperature.Name]));
    }

    [Fact]
    public void Run_TeachersThatAreTheSame_LearnsAsFromOneAndTheyDoNotDisagree()
    {
        string twin = _folder.File("twin");
        using (TextModel model = ModelFiles.Load(_teachers[0]))
            ModelFiles.Save(model, twin, FileLayer.Disk);
        Ended two = Train(s_options, [_teachers[0], twin]), one = Train(s_options with { Teacher = new() { ModelId = "first" } }, _teachers[..1]);
        for (int i = 0; i < one.Reports.Count; i++)
        {
            GoldenFiles.AssertNear(one.Reports[i].TotalLoss, two.Reports[i].TotalLoss, 1e-4, 0, $"loss {i}");
            Assert.Equal(0, two.Reports[i][TeacherSeries.Disagreement.Name]!.Value, 1e-6);
            Assert.Equal(1, two.Reports[i][TeacherSeries.Agreement(2).Name]);
        }
    }

    [Fact]
    public void Run_MeanOfLosses_TeachesWhatTheMeanOfProbabilitiesDoesAndIsLargerByTheDisagreement()
    {
        Ended probabilities = Train(s_options, _teachers);
        Ended losses = Train(s_options with { Teacher = s_options.Teacher with { Combination = TeacherCombination.Losses } }, _teachers);
        Assert.Equal(probabilities.Weights, losses.Weights);
        foreach ((StepReport one, StepReport other) in probabilities.Reports.Zip(losses.Reports))
        {
            double disagreement = one[TeacherSeries.Disagreement.Name]!.Value;
            Assert.True(disagreement > 1e-3);
            Assert.Equal(one["ce"]!.Value + 4 * disagreement, other["ce"]!.Value, 1e-6);
        }
    }

    [Fact]
    public void Run_WeightedByValidationLoss_MeasuresOnceAndSaysSo()
    {
        RunOptions options = s_options with { Teacher = s_options.Teacher with { Weighting = TeacherWeighting.ByValidationLoss, WeightTemperature = 0.2 } };
        double[] losses = [.. _teachers.Select(folder =>
        {
            using TextModel model = ModelFiles.Load(folder);
            return Perplexity.Measure(model, _tokens, options.Data.ContextLength!.Value, options.Schedule.ValidationMaxTokens).NatsPerToken;
        })];
        Ended run = Train(options, _teachers);
        double sum = losses.Sum(loss => Math.Exp(-loss / 0.2));
        Assert.All(losses.Zip(run.State.TeacherWeights!), pair => Assert.Equal(Math.Exp(-pair.First / 0.2) / sum, pair.Second, 1e-9));
        Assert.Single(run.Notes, note => note.StartsWith("Weights of the teachers by their loss", StringComparison.Ordinal));
        Assert.Null(Train(s_options, _teachers).State.TeacherWeights);

        using EnsembleTeacher teacher = EnsembleTeacher.Open(_teachers, options.Teacher);
        using TextModel student = SmallModels.Random(5);
        string refused = Assert.Throws<ArgumentException>(() => Trainers.CreateWith(options, teacher, student, _tokens, null)).Message;
        Assert.Contains("held-out text", refused);
    }

    [Fact]
    public void Run_HeldOutText_IsMeasuredForAllTeachersTogether()
    {
        Ended run = Train(s_options, _teachers);
        double mixture = run.State.TeacherValidationNatsPerToken!.Value;
        double[] alone = [.. _teachers.Select(folder =>
        {
            using TextModel model = ModelFiles.Load(folder);
            return Perplexity.Measure(model, _tokens, 12, s_options.Schedule.ValidationMaxTokens).NatsPerToken;
        })];
        // −ln of a mean is below the mean of −ln.
        Assert.True(mixture < alone.Average(), $"{mixture}, alone {string.Join(", ", alone)}");

        using EnsembleTeacher once = EnsembleTeacher.Open([_teachers[1]], new());
        Assert.Equal(alone[1], Perplexity.Measure(once, _tokens, 12, s_options.Schedule.ValidationMaxTokens).NatsPerToken, 1e-5);
    }

    [Theory]
    [InlineData("cos", TeacherCombination.Logits, "hidden states")]
    [InlineData("mse", TeacherCombination.Probabilities, "Logits")]
    [InlineData("centred", TeacherCombination.Losses, "Logits")]
    [InlineData("mse", TeacherCombination.Logits, null)]
    [InlineData("centred", TeacherCombination.Logits, null)]
    [InlineData("ce", TeacherCombination.Losses, null)]
    public void Validate_LossThatSeveralTeachersCannotTeachBy_SaysWhatWouldFit(string loss, TeacherCombination combination, string? said)
    {
        RunOptions options = s_options with
        {
            Teacher = s_options.Teacher with { Combination = combination },
            Objective = new Dictionary<string, ObjectiveTerm> { [loss] = new(1) },
        };
        IReadOnlyList<OptionProblem> problems = LossCatalogue.Validate(options);
        if (said is null)
        {
            Assert.Empty(problems);
            Assert.NotEmpty(Train(options, _teachers).Reports);
        }
        else
        {
            OptionProblem problem = Assert.Single(problems);
            Assert.Equal($"objective.{loss}.weight", problem.Field);
            Assert.Contains(said, problem.Message);
        }
    }

    [Theory]
    [InlineData("ce", 2, TeacherCombination.Probabilities)]
    [InlineData("ce", 2, TeacherCombination.Losses)]
    [InlineData("centred", 2, TeacherCombination.Logits)]
    [InlineData("centred", 1, TeacherCombination.Logits)]
    public void Step_WhatStandsInThePadding_ChangesNothing(string loss, int teachers, TeacherCombination combination)
    {
        RunOptions options = s_options with
        {
            Teacher = new() { ModelId = "first", Others = teachers == 1 ? [] : ["second"], Combination = combination },
            Objective = new Dictionary<string, ObjectiveTerm> { [loss] = new(1) },
            Schedule = s_options.Schedule with { GradientAccumulation = 1 },
        };
        TokenBatch batch = SmallModels.Batch(3, 5, 12, 2);
        var filled = batch with { Ids = [.. batch.Ids.Zip(batch.IsToken(), (id, isToken) => isToken ? id : 7)] };
        Assert.NotEqual(batch.Ids, filled.Ids);
        (StepReport report, Dictionary<string, float[]> weights) = Step(batch);
        (StepReport Report, Dictionary<string, float[]> Weights) other = Step(filled);
        Assert.Equal(report, other.Report);
        Assert.Equal(weights, other.Weights);
        Assert.True(report.TotalLoss > 0);

        (StepReport Report, Dictionary<string, float[]> Weights) Step(TokenBatch seen)
        {
            using Teacher teacher = teachers > 1 ? EnsembleTeacher.Open(_teachers, options.Teacher) : new ModelTeacher(ModelFiles.Load(_teachers[0]));
            using TextModel student = SmallModels.Random(5);
            using Trainer trainer = Trainers.CreateWith(options, teacher, student, seen);
            return (Journal.Timeless(trainer.Step()), SmallModels.Weights(student));
        }
    }

    public static TheoryData<double[], string?> Weights => new()
    {
        { [], null }, { [0.7, 0.3], null }, { [0, 1], null }, { [0.333333, 0.666667], null },
        { [0.7, 0.4], "sum to 1.1, expected 1" }, { [1.5, -0.5], "A weight is -0.5" }, { [1], "There are 1 weights, expected 2" }, { [0.2, double.NaN], "A weight is NaN" },
    };

    [Theory]
    [MemberData(nameof(Weights))]
    public void Validate_Weights_AreSharesOfTheWhole(double[] weights, string? said)
    {
        RunOptions options = s_options with { Teacher = s_options.Teacher with { Weights = weights } };
        IEnumerable<OptionProblem> problems = options.Validate().Where(problem => problem.Field == "teacher.weights");
        if (said is null)
            Assert.Empty(problems);
        else
            Assert.Contains(said, Assert.Single(problems).Message);
    }

    [Fact]
    public void Validate_Teachers_AreSeveralModelsWithAFirst()
    {
        string[] Said(string? first, params string[] others) => [.. (s_options with { Teacher = new() { ModelId = first, Others = others } }).Validate()
            .Where(problem => problem.Field == "teacher.others").Select(problem => problem.Message)];
        Assert.Empty(Said("a", "b", "c"));
        Assert.Contains("no first one", Assert.Single(Said(null, "b")));
        Assert.Contains("named 2 times", Assert.Single(Said("a", "a")));
        Assert.Contains("blank", Assert.Single(Said("a", " ")));
        Assert.Contains("There are 18 teachers, expected at most 16", Assert.Single(Said("a", [.. Enumerable.Range(0, 17).Select(i => $"{i}")])));
    }

    [Fact]
    public void Check_TeacherOfAnotherVocabularyOrWithFewerPositions_IsRefused()
    {
        Architecture first = SmallModels.Config(), other = SmallModels.Config(vocabulary: 41), shorter = SmallModels.Config(positions: 8);
        OptionProblem vocabulary = Assert.Single(RunPlan.Check(s_options, first, null, SmallModels.Vocabulary, null, [first, other]));
        Assert.Equal("teacher.others", vocabulary.Field);
        Assert.Contains("Teacher 3 has 41 tokens in its vocabulary and the data set 37", vocabulary.Message);
        OptionProblem positions = Assert.Single(RunPlan.Check(s_options, first, null, SmallModels.Vocabulary, null, [shorter]));
        Assert.Equal("data.contextLength", positions.Field);
        Assert.Contains("teacher 2 has 8 positions", positions.Message);
        Assert.Empty(RunPlan.Check(s_options, first, null, SmallModels.Vocabulary, null, [first]));
    }

    [Fact]
    public void Plan_SeveralTeachers_TakeTheMemoryOfTheLargestAndTheHeadOfEach()
    {
        Architecture small = SmallModels.Config(), large = SmallModels.Config(layers: 8, width: 32);
        var epoch = new EpochSize(100, 1200);
        RunPlan alone = RunPlan.Compute(s_options, small, SmallModels.Config(layers: 1), epoch), two = RunPlan.Compute(s_options, small, SmallModels.Config(layers: 1), epoch, [large]);
        Assert.Equal(4 * small.ParameterCount, alone.Memory.TeacherBytes);
        Assert.Equal(4 * (large.ParameterCount + (16 + 32) * SmallModels.Vocabulary), two.Memory.TeacherBytes);
        Assert.Equal(small.ParameterCount + large.ParameterCount, two.TeacherParameters);
        Assert.True(two.FlopsPerToken > alone.FlopsPerToken);
    }

    private IReadOnlyList<StepReport> AssertResumesExactly(RunOptions options, IReadOnlyList<string> teachers)
    {
        Ended whole = Train(options, teachers), cut = Train(options, teachers, cutEvery: 3);
        Assert.Equal(whole.Reports, cut.Reports);
        Assert.Equal(whole.Weights, cut.Weights);
        Assert.Equal(whole.State.TeacherWeights, cut.State.TeacherWeights);
        return whole.Reports;
    }

    private sealed record Ended(IReadOnlyList<StepReport> Reports, Dictionary<string, float[]> Weights, TrainingState State, IReadOnlyList<string> Notes);

    private Ended Train(RunOptions options, IReadOnlyList<string> teachers, int cutEvery = int.MaxValue)
    {
        var store = new CheckpointStore(_folder.File($"checkpoints{_trained++}"), FileLayer.Disk);
        List<StepReport> reports = [];
        List<string> notes = [];
        string? checkpoint = null;
        while (true)
        {
            using Teacher teacher = teachers.Count > 1 ? EnsembleTeacher.Open(teachers, options.Teacher) : new ModelTeacher(ModelFiles.Load(teachers[0]));
            using TextModel student = checkpoint is null ? SmallModels.Random(5) : ModelFiles.Load(checkpoint);
            using Trainer trainer = Trainers.CreateWith(options, teacher, student, _tokens, _tokens);
            if (checkpoint is not null)
                TrainingCheckpoint.Restore(checkpoint, trainer);
            using var stop = new CancellationTokenSource();
            var journal = new Journal(report =>
            {
                reports.Add(Journal.Timeless(report));
                if (report.Step % cutEvery == 0)
                    stop.Cancel();
            });
            try
            {
                trainer.Run(journal, null, stop.Token);
                notes.AddRange(journal.Notes);
                return new Ended(reports, SmallModels.Weights(student), trainer.State, notes);
            }
            catch (OperationCanceledException)
            {
                notes.AddRange(journal.Notes);
                store.Save(trainer.CompletedSteps, folder => TrainingCheckpoint.Write(folder, trainer, ResumableRun.Tokenizer, options, ResumableRun.Provenance, FileLayer.Disk));
                checkpoint = store.Folder(trainer.CompletedSteps);
            }
        }
    }
}
