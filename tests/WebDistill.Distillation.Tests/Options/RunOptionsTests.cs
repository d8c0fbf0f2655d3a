using System.Text.Json;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Options;

public sealed class RunOptionsTests
{
    private static readonly RunOptions s_distillation = new() { TeacherId = "teacher", DatasetId = "text" };

    private static readonly RunOptions s_training = new()
    {
        DatasetId = "text",
        StudentInitialisation = "random",
        StudentLayerCount = 2,
        StudentWidth = 64,
        StudentHeads = 4,
        ContextLength = 64,
    };

    public static TheoryData<string, Func<RunOptions, RunOptions>> BadValues() => new()
    {
        { "name", o => o with { Name = new string('x', 201) } },
        { "datasetId", o => o with { DatasetId = " " } },
        { "teacherId", o => o with { TeacherId = "" } },
        { "studentInitialisation", o => o with { StudentInitialisation = "magic" } },
        { "studentInitialisation", o => o with { TeacherId = null } },
        { "studentModelId", o => o with { StudentInitialisation = "checkpoint" } },
        { "studentLayerCount", o => o with { StudentLayerCount = 0 } },
        { "studentTeacherLayers", o => o with { StudentTeacherLayers = [] } },
        { "studentTeacherLayers", o => o with { StudentTeacherLayers = [0, -1] } },
        { "studentTeacherLayers", o => o with { StudentTeacherLayers = [0, 1, 2], StudentLayerCount = 2 } },
        { "studentWidth", o => o with { StudentWidth = -5 } },
        { "studentHeads", o => o with { StudentWidth = 64, StudentHeads = 7 } },
        { "initialiserRange", o => o with { InitialiserRange = 0 } },
        { "initialiserRange", o => o with { InitialiserRange = double.NaN } },
        { "dropout", o => o with { Dropout = 1 } },
        { "dropout", o => o with { Dropout = double.NaN } },
        { "sequenceMode", o => o with { SequenceMode = (SequenceMode)9 } },
        { "contextLength", o => o with { ContextLength = 1 } },
        { "contextLength", o => o with { ContextLength = 11, SequenceMode = SequenceMode.HuggingFace } },
        { "temperature", o => o with { Temperature = 0 } },
        { "temperature", o => o with { Temperature = 1e-30 } },
        { "temperature", o => o with { Temperature = -1 } },
        { "temperature", o => o with { Temperature = double.NaN } },
        { "temperature", o => o with { Temperature = double.PositiveInfinity } },
        { "alphaCe", o => o with { AlphaCe = -1 } },
        { "alphaCe", o => o with { AlphaCe = double.NaN } },
        { "alphaCe", o => o with { AlphaCe = 0, AlphaClm = 0, AlphaMse = 0, AlphaCos = 0 } },
        { "alphaClm", o => o with { AlphaClm = double.PositiveInfinity } },
        { "alphaClm", o => s_training with { AlphaClm = 0 } },
        { "alphaMse", o => o with { AlphaMse = -0.1 } },
        { "alphaCos", o => o with { AlphaCos = double.NegativeInfinity } },
        { "mseReduction", o => o with { MseReduction = (MseReduction)5 } },
        { "epochs", o => o with { Epochs = 0 } },
        { "batchSize", o => o with { BatchSize = 0 } },
        { "gradientAccumulation", o => o with { GradientAccumulation = int.MaxValue } },
        { "learningRate", o => o with { LearningRate = double.NaN } },
        { "learningRate", o => o with { LearningRate = 0 } },
        { "learningRate", o => o with { LearningRate = 1e9 } },
        { "warmupProportion", o => o with { WarmupProportion = 1.5 } },
        { "weightDecay", o => o with { WeightDecay = -1 } },
        { "adamBeta1", o => o with { AdamBeta1 = 1 } },
        { "adamBeta2", o => o with { AdamBeta2 = double.NaN } },
        { "adamEpsilon", o => o with { AdamEpsilon = 0 } },
        { "maxGradientNorm", o => o with { MaxGradientNorm = 0 } },
        { "semantics", o => o with { Semantics = (TrainingSemantics)7 } },
        { "validationIntervalSteps", o => o with { ValidationIntervalSteps = -1 } },
        { "validationMaxTokens", o => o with { ValidationMaxTokens = 1 } },
        { "checkpointIntervalSteps", o => o with { CheckpointIntervalSteps = -1 } },
        { "studentLayerCount", o => s_training with { StudentLayerCount = null } },
        { "studentWidth", o => s_training with { StudentWidth = null } },
        { "studentHeads", o => s_training with { StudentHeads = null } },
        { "contextLength", o => s_training with { ContextLength = null } },
    };

    [Theory]
    [MemberData(nameof(BadValues))]
    public void Validate_OneBadValue_NamesThatFieldAlone(string field, Func<RunOptions, RunOptions> change)
    {
        OptionProblem problem = Assert.Single(RunPlan.Validate(change(s_distillation)));
        Assert.Equal(field, problem.Field);
        Assert.False(string.IsNullOrWhiteSpace(problem.Message));
    }

    [Fact]
    public void Validate_GoodOptions_FindsNothing()
    {
        Assert.Empty(RunPlan.Validate(s_distillation));
        Assert.Empty(RunPlan.Validate(s_training));
        Assert.Empty(RunPlan.Validate(s_training with { AlphaCe = 0, AlphaCos = 0 }));
    }

    [Fact]
    public void Validate_SeveralBadValues_NamesAll()
    {
        string[] fields = [.. (s_distillation with { Temperature = 0, LearningRate = double.NaN, BatchSize = 0 }).Validate(
            ).Select(problem => problem.Field)];
        Assert.Equal(["batchSize", "learningRate", "temperature"], fields.Order());
    }

    [Fact]
    public void Validate_UnknownInitialisation_ListsTheValidOnes()
    {
        string message = RunPlan.Validate(s_distillation with { StudentInitialisation = "magic" })[0].Message;
        Assert.Contains("'magic'", message);
        Assert.All(StudentInits.All, init => Assert.Contains(init.Name, message));
    }

    [Fact]
    public void Json_WrittenAndRead_IsTheSame()
    {
        var json = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        RunOptions options = s_distillation with { StudentTeacherLayers = [0, 3], Semantics = TrainingSemantics.HuggingFaceExact };
        string text = JsonSerializer.Serialize(options, json);
        Assert.Contains("\"semantics\":\"HuggingFaceExact\"", text);
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<RunOptions>(text, json), json));
    }
}
