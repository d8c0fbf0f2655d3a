using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

public sealed class RunPlanTests
{
    private static readonly RunOptions s_options =
        new() { TeacherId = "teacher", DatasetId = "text", BatchSize = 3, GradientAccumulation = 2, Epochs = 2, ContextLength = 12 };

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
        RunOptions options = s_options with { SequenceMode = SequenceMode.HuggingFace, ContextLength = 24 };
        using var trainer = Trainers.Create(options, teacher, student, tokens, null);
        RunPlan plan = RunPlan.Compute(options, teacher.Architecture, student.Architecture, tokens);
        Assert.Equal(trainer.TotalSteps, plan.TotalUpdates);
        // Rows differ in length, so the plan counts their mean; every row has end-of-text at both ends, and short ones are left out.
        long seen = 0;
        while (trainer.CompletedSteps < trainer.TotalSteps)
            seen = trainer.Step().TokensSeen;
        GoldenFiles.AssertNear(seen, plan.TotalTokens, 0.1, 0, "planned tokens");
    }

    [Fact]
    public void Compute_Gpt2SmallDistilled_HasTheKnownSizes()
    {
        var teacher = new Gpt2Config { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12 };
        RunOptions options = s_options with { BatchSize = 1, GradientAccumulation = 1, ContextLength = 1024, Epochs = 1 };
        RunPlan plan = RunPlan.Compute(options, teacher, teacher with { NLayer = 6 }, 1_024_000, 1000);
        Assert.Equal(1000, plan.TotalUpdates);
        Assert.Equal(1_024_000, plan.TotalTokens);
        // About two operations per weight and token forward, twice that backward; attention adds a little.
        double matrices = 2.0 * 124e6 + 6.0 * 82e6;
        Assert.InRange(plan.FlopsPerToken, matrices, 1.15 * matrices);
        // Weights, gradients and moments alone are 1.8 GB.
        Assert.InRange(plan.MemoryBytes, 1.8e9, 3.5e9);
    }

    [Theory]
    [InlineData("teacherId", 40, null, null)]
    [InlineData("contextLength", SmallModels.Vocabulary, 25, null)]
    [InlineData("datasetId", SmallModels.Vocabulary, null, 0)]
    [InlineData("gradientAccumulation", SmallModels.Vocabulary, null, 3)]
    public void Check_WhatDoesNotFit_IsNamed(string field, int vocabulary, int? context, int? sequences)
    {
        RunOptions options = s_options with { ContextLength = context ?? 12 };
        Assert.Equal(field, Assert.Single(RunPlan.Check(options, SmallModels.Config(), null, vocabulary, sequences)).Field);
    }

    /// <summary>The finding "136 TB is planned without a word": sums beyond the largest number stay there, and never become negative.</summary>
    [Fact]
    public void Compute_TheLargestOptionsThereAre_NeedsMoreThanAnyMachineHas()
    {
        var student = new Gpt2Config { VocabSize = 4_194_304, NPositions = 1_048_576, NEmbd = 65_536, NLayer = 1024, NHead = 1 };
        RunOptions options = s_options with { BatchSize = 65_536, ContextLength = 1_048_576, Epochs = 100_000, GradientAccumulation = 1, Dropout = 0.1 };
        RunPlan plan = RunPlan.Compute(options, student, student, long.MaxValue / 2, 20_000);
        Assert.Equal(long.MaxValue, plan.MemoryBytes);
        Assert.All(plan.Memory.Parts, part => Assert.InRange(part.Bytes, 0, long.MaxValue));
        Assert.InRange(plan.TokensPerUpdate, 1, long.MaxValue);
        Assert.Contains("more than 9 000 PB", plan.Memory.InWords);
    }

    [Fact]
    public void Compute_BatchLargerThanTheText_CountsTheTextOnce()
    {
        RunOptions options = s_options with { BatchSize = 65_536, GradientAccumulation = 1 };
        RunPlan plan = RunPlan.Compute(options, null, SmallModels.Config(), 400, 33);
        Assert.Equal((1, 33, 33 * 12), (plan.BatchesPerEpoch, plan.Sequences, plan.TokensPerUpdate));
        Assert.Equal(RunPlan.Compute(options with { BatchSize = 33 }, null, SmallModels.Config(), 400, 33).MemoryBytes, plan.MemoryBytes);
    }

    [Theory]
    [InlineData(TrainingSemantics.Corrected, 1)]
    [InlineData(TrainingSemantics.HuggingFaceExact, 10)]
    public void Check_MoreUpdatesThanCanBeCounted_IsAProblemOfTheEpochs(TrainingSemantics semantics, int accumulation)
    {
        RunOptions options = s_options with { BatchSize = 1, GradientAccumulation = accumulation, Epochs = 100_000, Semantics = semantics };
        // For the reference the updates that are made can be counted, and those that it plans over cannot.
        int sequences = 21_474 * accumulation + (accumulation - 1) + (semantics == TrainingSemantics.Corrected ? 1 : 0);
        Assert.Equal("epochs", Assert.Single(RunPlan.Check(options, SmallModels.Config(), null, SmallModels.Vocabulary, sequences)).Field);
    }

    [Fact]
    public void Check_ModelsTooShortForTheSequences_IsNamed() =>
        Assert.Equal("sequenceMode", Assert.Single(RunPlan.Check(
            s_options with { SequenceMode = SequenceMode.HuggingFace, ContextLength = null }, SmallModels.Config(positions: 8), null,
            SmallModels.Vocabulary, null)).Field);

    [Fact]
    public void Check_WhatFits_FindsNothing() =>
        Assert.Empty(RunPlan.Check(s_options, SmallModels.Config(), null, SmallModels.Vocabulary, 4));

    [Fact]
    public void Check_TooManyStudentLayers_IsNamed() =>
        Assert.Equal("studentLayerCount", Assert.Single(
            RunPlan.Check(s_options with { StudentLayerCount = 5 }, SmallModels.Config(), null, SmallModels.Vocabulary, null)).Field);
}
