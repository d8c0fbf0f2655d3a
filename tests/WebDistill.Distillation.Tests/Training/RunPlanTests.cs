using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

public sealed class RunPlanTests
{
    private static readonly RunOptions s_options =
        new() { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text", ContextLength = 12 },
            Schedule = new() { BatchSize = 3, GradientAccumulation = 2, Epochs = 2 } };

    private static EpochSize? Epoch(int? sequences) => sequences is int count ? new EpochSize(count, 12L * count) : null;

    [Fact]
    public void Compute_OverATokenFile_IsWhatTheDistillerDoes()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        using var trainer = Trainers.Create(s_options, teacher, student, tokens, null);
        RunPlan plan = RunPlan.Compute(s_options, teacher.Architecture, student.Architecture, tokens);
        Assert.Equal(trainer.TotalSteps, plan.TotalUpdates);
        Assert.Equal(plan.TotalUpdates, 2 * plan.UpdatesPerEpoch);
        Assert.Equal((teacher.Architecture.ParameterCount, student.Architecture.ParameterCount), (plan.TeacherParameters, plan.StudentParameters));
        Assert.Equal(3 * 2 * 12, plan.TokensPerUpdate);
        long seen = 0;
        while (trainer.CompletedSteps < trainer.TotalSteps)
            seen = trainer.Step().TokensSeen;
        Assert.Equal(plan.TotalTokens, seen);
    }

    [Fact]
    public void Compute_OneDocumentPerRow_IsWhatTheDistillerDoes()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        RunOptions options = s_options with { Data = s_options.Data with { SequenceMode = SequenceMode.HuggingFace, ContextLength = 24 } };
        using var trainer = Trainers.Create(options, teacher, student, tokens, null);
        RunPlan plan = RunPlan.Compute(options, teacher.Architecture, student.Architecture, tokens);
        Assert.Equal(trainer.TotalSteps, plan.TotalUpdates);
        // Every row has end-of-text at both ends, and short ones are left out.
        long seen = 0;
        while (trainer.CompletedSteps < trainer.TotalSteps)
            seen = trainer.Step().TokensSeen;
        Assert.Equal(seen, plan.TotalTokens);
    }

    [Fact]
    public void Compute_Gpt2SmallDistilled_HasTheKnownSizes()
    {
        var teacher = new Gpt2Config { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12 };
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = 1, GradientAccumulation = 1, Epochs = 1 },
            Data = s_options.Data with { ContextLength = 1024 } };
        RunPlan plan = RunPlan.Compute(options, teacher, teacher with { NLayer = 6 }, new EpochSize(1000, 1_024_000));
        Assert.Equal(1000, plan.TotalUpdates);
        Assert.Equal(1_024_000, plan.TotalTokens);
        // About two operations per weight and token forward, twice that backward; attention adds a little.
        double matrices = 2.0 * 124e6 + 6.0 * 82e6;
        Assert.InRange(plan.FlopsPerToken, matrices, 1.15 * matrices);
        // Weights, gradients and moments alone are 1.8 GB.
        Assert.InRange(plan.MemoryBytes, 1.8e9, 3.5e9);
    }

    /// <summary>A model that predicts no tokens is nobody's teacher and no student: said alone, before anything else of it is looked at.</summary>
    [Theory]
    [MemberData(nameof(ReadingBothWays))]
    public void Check_ModelThatPredictsNoTokens_IsRefusedAtItsField(string family)
    {
        // A family that fills masked words has other models as well; one that sorts texts alone has no others.
        Architecture usual = ModelFamilies.Find(family).Create(new NewModel(40, 8, 16, 2, 2, 39));
        Architecture[] others = usual is EncoderConfig filling
            ? [filling with { FillsMasks = false, Classes = new ClassHead(["no", "yes"], ProblemType.SingleLabel) }, filling with { FillsMasks = false }] : [usual];
        foreach (Architecture other in others)
        {
            string does = ModelHeads.Does(other.Head);
            foreach ((string field, string subject, IReadOnlyList<OptionProblem> problems) in new[]
            {
                ("teacher.modelId", "The teacher", RunPlan.Check(s_options, other, null, SmallModels.Vocabulary, Epoch(null))),
                ("student.modelId", "The model that the student starts from", RunPlan.Check(s_options, SmallModels.Config(), other, SmallModels.Vocabulary, Epoch(null))),
            })
            {
                OptionProblem problem = Assert.Single(problems);
                Assert.Equal(field, problem.Field);
                Assert.Matches($"^{subject} is an? {other.Family.Title} model, which {does}; expected one that continues texts or fills masked words. Choose one of those.$", problem.Message);
            }
        }
    }

    public static TheoryData<string> ReadingBothWays => [.. ModelFamilies.All.Where(family => !family.ContinuesTexts).Select(family => family.Name)];

    [Theory]
    [InlineData("teacher.modelId", 40, null, null)]
    [InlineData("data.contextLength", SmallModels.Vocabulary, 25, null)]
    [InlineData("data.datasetId", SmallModels.Vocabulary, null, 0)]
    [InlineData("schedule.gradientAccumulation", SmallModels.Vocabulary, null, 3)]
    public void Check_WhatDoesNotFit_IsNamed(string field, int vocabulary, int? context, int? sequences)
    {
        RunOptions options = s_options with { Data = s_options.Data with { ContextLength = context ?? 12 } };
        Assert.Equal(field, Assert.Single(RunPlan.Check(options, SmallModels.Config(), null, vocabulary, Epoch(sequences))).Field);
    }

    /// <summary>The finding "136 TB is planned without a word": sums beyond the largest number stay there, and never become negative.</summary>
    [Fact]
    public void Compute_TheLargestOptionsThereAre_NeedsMoreThanAnyMachineHas()
    {
        var student = new Gpt2Config { VocabSize = 4_194_304, NPositions = 1_048_576, NEmbd = 65_536, NLayer = 1024, NHead = 1 };
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = 65_536, Epochs = 100_000, GradientAccumulation = 1 },
            Data = s_options.Data with { ContextLength = 1_048_576 }, Student = s_options.Student with { Dropout = 0.1 } };
        RunPlan plan = RunPlan.Compute(options, student, student, new EpochSize(20_000, 20_000L * 1_048_576));
        Assert.Equal(long.MaxValue, plan.MemoryBytes);
        Assert.All(plan.Memory.Parts, part => Assert.InRange(part.Bytes, 0, long.MaxValue));
        Assert.InRange(plan.TokensPerUpdate, 1, long.MaxValue);
        Assert.Contains("more than 9 000 PB", plan.Memory.InWords);
    }

    [Fact]
    public void Compute_BatchLargerThanTheText_CountsTheTextOnce()
    {
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = 65_536, GradientAccumulation = 1 } };
        RunPlan plan = RunPlan.Compute(options, null, SmallModels.Config(), new EpochSize(33, 33 * 12));
        Assert.Equal((1, 33, 33 * 12), (plan.BatchesPerEpoch, plan.Sequences, plan.TokensPerUpdate));
        Assert.Equal(RunPlan.Compute(options with { Schedule = options.Schedule with { BatchSize = 33 } }, null, SmallModels.Config(), new EpochSize(33, 33 * 12)).MemoryBytes, plan.MemoryBytes);
    }

    [Theory]
    [InlineData(TrainingSemantics.Corrected, 1)]
    [InlineData(TrainingSemantics.HuggingFaceExact, 10)]
    public void Check_MoreUpdatesThanCanBeCounted_IsAProblemOfTheEpochs(TrainingSemantics semantics, int accumulation)
    {
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = 1, GradientAccumulation = accumulation,
            Epochs = 100_000, Semantics = semantics } };
        // For the reference the updates that are made can be counted, and those that it plans over cannot.
        int sequences = 21_474 * accumulation + (accumulation - 1) + (semantics == TrainingSemantics.Corrected ? 1 : 0);
        Assert.Equal("schedule.epochs", Assert.Single(RunPlan.Check(options, SmallModels.Config(), null, SmallModels.Vocabulary, Epoch(sequences))).Field);
    }

    [Fact]
    public void Check_ModelsTooShortForTheSequences_IsNamed() =>
        Assert.Equal("data.sequenceMode", Assert.Single(RunPlan.Check(
            s_options with { Data = s_options.Data with { SequenceMode = SequenceMode.HuggingFace,
                ContextLength = null } }, SmallModels.Config(positions: 8), null,
            SmallModels.Vocabulary, null)).Field);

    /// <summary>The finding: models that a loss cannot compare were found by the loop, after the launch.</summary>
    [Theory]
    [InlineData(1, null)]
    [InlineData(2, "2 layers are compared and the student has 1. Compare fewer.")]
    public void Check_ModelsThatALossCannotCompare_AreAProblemOfItsWeight(int layers, string? message)
    {
        RunOptions options = ProjectedHidden.In(s_options, weight: 1, layers);
        Assert.Empty(RunPlan.Validate(options, ProjectedHidden.Catalogue));
        IReadOnlyList<OptionProblem> Found(RunOptions asked) =>
            RunPlan.Check(asked, ProjectedHidden.Catalogue, SmallModels.Config(), null, SmallModels.Vocabulary, Epoch(4));
        Assert.Equal(message is null ? [] : [new OptionProblem("objective.projected.weight", message)], Found(options));
        Assert.Empty(Found(ProjectedHidden.In(s_options, weight: 0, layers)));
    }

    [Theory]
    [InlineData(null, 2, null)]
    [InlineData(24, 3, "objective.cos.weight")]
    [InlineData(null, 5, "student.heads")]
    [InlineData(24, null, "objective.cos.weight")]
    public void Check_FreshStudentOfAnotherWidth_IsHeldToWhatComparesIt(int? width, int? heads, string? field)
    {
        RunOptions options = s_options with { Student = s_options.Student with { Initialisation = "random", Width = width, Heads = heads } };
        Assert.Equal(field, RunPlan.Check(options, SmallModels.Config(), null, SmallModels.Vocabulary, Epoch(4)).SingleOrDefault()?.Field);
        Assert.Equal(heads == 5 ? ["student.heads"] : [], RunPlan.Check(
            options with { Objective = Terms.Of(cos: 0) }, SmallModels.Config(), null, SmallModels.Vocabulary, Epoch(4)).Select(problem => problem.Field));
    }

    [Fact]
    public void Run_NarrowerFreshStudentBesideATeacher_LearnsFromItsLogits()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        RunOptions options = s_options with
        {
            Student = s_options.Student with { Initialisation = "random", Width = 8, Heads = 2, Dropout = 0 }, Objective = Terms.Of(ce: 1, clm: 0, cos: 0),
            Optimiser = new() { LearningRate = 1e-2 },
        };
        using TextModel teacher = SmallModels.Random(1), student = StudentInits.Create(options, teacher, SmallModels.Vocabulary);
        using var trainer = Trainers.Create(options, teacher, student, tokens, null);
        double first = trainer.Step()["ce"]!.Value, last = first;
        while (trainer.CompletedSteps < trainer.TotalSteps)
            last = trainer.Step()["ce"]!.Value;
        Assert.Equal(8, student.Architecture.Width);
        Assert.True(last < 0.9 * first, $"From {first} to {last}.");
    }

    [Fact]
    public void Check_WhatFits_FindsNothing() =>
        Assert.Empty(RunPlan.Check(s_options, SmallModels.Config(), null, SmallModels.Vocabulary, Epoch(4)));

    [Fact]
    public void Check_TooManyStudentLayers_IsNamed() =>
        Assert.Equal("student.layerCount", Assert.Single(
            RunPlan.Check(s_options with { Student = s_options.Student with { LayerCount = 5 } }, SmallModels.Config(), null, SmallModels.Vocabulary, null)).Field);
}
