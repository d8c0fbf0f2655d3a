using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests;

public sealed class RunPlanTests
{
    private static readonly DistillationOptions s_options =
        new() { TeacherId = "teacher", DatasetId = "text", BatchSize = 3, GradientAccumulation = 2, Epochs = 2, ContextLength = 12 };

    [Fact]
    public void Compute_OverATokenFile_IsWhatTheDistillerDoes()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using Gpt2 teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        using var distiller = new Distiller(s_options, teacher, student, tokens, null);
        RunPlan plan = RunPlan.Compute(s_options, teacher.Config, student.Config, tokens);
        Assert.Equal(distiller.TotalSteps, plan.TotalUpdates);
        Assert.Equal(plan.TotalUpdates, 2 * plan.UpdatesPerEpoch);
        Assert.Equal((teacher.Config.ParameterCount, student.Config.ParameterCount), (plan.TeacherParameters, plan.StudentParameters));
        Assert.Equal(3 * 2 * 12, plan.TokensPerUpdate);
        long seen = 0;
        while (distiller.CompletedSteps < distiller.TotalSteps)
            seen = distiller.Step().TokensSeen;
        Assert.Equal(plan.TotalTokens, seen);
    }

    [Fact]
    public void Compute_OneDocumentPerRow_IsWhatTheDistillerDoes()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder);
        using Gpt2 teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        DistillationOptions options = s_options with { SequenceMode = SequenceMode.HuggingFace, ContextLength = 24 };
        using var distiller = new Distiller(options, teacher, student, tokens, null);
        RunPlan plan = RunPlan.Compute(options, teacher.Config, student.Config, tokens);
        Assert.Equal(distiller.TotalSteps, plan.TotalUpdates);
        // Rows differ in length, so the plan counts their mean; every row has end-of-text at both ends, and short ones are left out.
        long seen = 0;
        while (distiller.CompletedSteps < distiller.TotalSteps)
            seen = distiller.Step().TokensSeen;
        GoldenFiles.AssertNear(seen, plan.TotalTokens, 0.1, 0, "planned tokens");
    }

    [Fact]
    public void Compute_Gpt2SmallDistilled_HasTheKnownSizes()
    {
        var teacher = new Gpt2Config { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12 };
        DistillationOptions options = s_options with { BatchSize = 1, GradientAccumulation = 1, ContextLength = 1024, Epochs = 1 };
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
        DistillationOptions options = s_options with { ContextLength = context ?? 12 };
        Assert.Equal(field, Assert.Single(RunPlan.Check(options, SmallModels.Config(), null, vocabulary, sequences)).Field);
    }

    [Fact]
    public void Check_WhatFits_FindsNothing() =>
        Assert.Empty(RunPlan.Check(s_options, SmallModels.Config(), null, SmallModels.Vocabulary, 4));

    [Fact]
    public void Check_TooManyStudentLayers_IsNamed() =>
        Assert.Equal("studentLayerCount", Assert.Single(
            RunPlan.Check(s_options with { StudentLayerCount = 5 }, SmallModels.Config(), null, SmallModels.Vocabulary, null)).Field);
}
