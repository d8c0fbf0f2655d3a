using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Options;

public sealed class RunOptionsTests
{
    private static readonly RunOptions s_distillation = new() { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text" } };

    private static readonly RunOptions s_training = new()
    {
        Data = new() { DatasetId = "text", ContextLength = 64 },
        Student = new() { Initialisation = "random", LayerCount = 2, Width = 64, Heads = 4 },
    };

    public static TheoryData<string, Func<RunOptions, RunOptions>> BadValues() => new()
    {
        { "name", o => o with { Name = new string('x', 201) } },
        { "data.datasetId", o => o with { Data = o.Data with { DatasetId = " " } } },
        { "teacher.modelId", o => o with { Teacher = o.Teacher with { ModelId = "" } } },
        { "student.initialisation", o => o with { Student = o.Student with { Initialisation = "magic" } } },
        { "student.initialisation", o => o with { Teacher = o.Teacher with { ModelId = null } } },
        { "student.modelId", o => o with { Student = o.Student with { Initialisation = "checkpoint" } } },
        { "student.layerCount", o => o with { Student = o.Student with { LayerCount = 0 } } },
        { "student.teacherLayers", o => o with { Student = o.Student with { TeacherLayers = [] } } },
        { "student.teacherLayers", o => o with { Student = o.Student with { TeacherLayers = [0, -1] } } },
        { "student.teacherLayers", o => o with { Student = o.Student with { TeacherLayers = [0, 1, 2], LayerCount = 2 } } },
        { "student.width", o => o with { Student = o.Student with { Width = -5 } } },
        { "student.heads", o => o with { Student = o.Student with { Width = 64, Heads = 7 } } },
        { "student.initialiserRange", o => o with { Student = o.Student with { InitialiserRange = 0 } } },
        { "student.initialiserRange", o => o with { Student = o.Student with { InitialiserRange = double.NaN } } },
        { "student.dropout", o => o with { Student = o.Student with { Dropout = 1 } } },
        { "student.dropout", o => o with { Student = o.Student with { Dropout = double.NaN } } },
        { "data.sequenceMode", o => o with { Data = o.Data with { SequenceMode = (SequenceMode)9 } } },
        { "data.contextLength", o => o with { Data = o.Data with { ContextLength = 1 } } },
        { "data.contextLength", o => o with { Data = o.Data with { ContextLength = 11, SequenceMode = SequenceMode.HuggingFace } } },
        { "objective.ce.temperature", o => o with { Objective = o.Objective.With(temperature: 0) } },
        { "objective.ce.temperature", o => o with { Objective = o.Objective.With(temperature: 1e-30) } },
        { "objective.ce.temperature", o => o with { Objective = o.Objective.With(temperature: -1) } },
        { "objective.ce.temperature", o => o with { Objective = o.Objective.With(temperature: double.NaN) } },
        { "objective.ce.temperature", o => o with { Objective = o.Objective.With(temperature: double.PositiveInfinity) } },
        { "objective.ce.weight", o => o with { Objective = o.Objective.With(ce: -1) } },
        { "objective.ce.weight", o => o with { Objective = o.Objective.With(ce: double.NaN) } },
        { "objective.ce.weight", o => o with { Objective = o.Objective.With(ce: 0, clm: 0, mse: 0, cos: 0) } },
        { "objective.clm.weight", o => o with { Objective = o.Objective.With(clm: double.PositiveInfinity) } },
        { "objective.clm.weight", o => s_training with { Objective = s_training.Objective.With(clm: 0) } },
        { "objective.mse.weight", o => o with { Objective = o.Objective.With(mse: -0.1) } },
        { "objective.cos.weight", o => o with { Objective = o.Objective.With(cos: double.NegativeInfinity) } },
        { "objective.mse.reduction", o => o with { Objective = o.Objective.With(reduction: (MseReduction)5) } },
        { "schedule.epochs", o => o with { Schedule = o.Schedule with { Epochs = 0 } } },
        { "schedule.batchSize", o => o with { Schedule = o.Schedule with { BatchSize = 0 } } },
        { "schedule.gradientAccumulation", o => o with { Schedule = o.Schedule with { GradientAccumulation = int.MaxValue } } },
        { "optimiser.learningRate", o => o with { Optimiser = o.Optimiser with { LearningRate = double.NaN } } },
        { "optimiser.learningRate", o => o with { Optimiser = o.Optimiser with { LearningRate = 0 } } },
        { "optimiser.learningRate", o => o with { Optimiser = o.Optimiser with { LearningRate = 1e9 } } },
        { "schedule.warmupProportion", o => o with { Schedule = o.Schedule with { WarmupProportion = 1.5 } } },
        { "optimiser.weightDecay", o => o with { Optimiser = o.Optimiser with { WeightDecay = -1 } } },
        { "optimiser.adamBeta1", o => o with { Optimiser = o.Optimiser with { AdamBeta1 = 1 } } },
        { "optimiser.adamBeta2", o => o with { Optimiser = o.Optimiser with { AdamBeta2 = double.NaN } } },
        { "optimiser.adamEpsilon", o => o with { Optimiser = o.Optimiser with { AdamEpsilon = 0 } } },
        { "optimiser.maxGradientNorm", o => o with { Optimiser = o.Optimiser with { MaxGradientNorm = 0 } } },
        { "schedule.semantics", o => o with { Schedule = o.Schedule with { Semantics = (TrainingSemantics)7 } } },
        { "schedule.validationIntervalSteps", o => o with { Schedule = o.Schedule with { ValidationIntervalSteps = -1 } } },
        { "schedule.validationMaxTokens", o => o with { Schedule = o.Schedule with { ValidationMaxTokens = 1 } } },
        { "checkpoints.intervalSteps", o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = -1 } } },
        { "samples.intervalSteps", o => o with { Samples = o.Samples with { IntervalSteps = -1 } } },
        { "samples.maxNewTokens", o => o with { Samples = o.Samples with { MaxNewTokens = 0 } } },
        { "samples.prompts", o => o with { Samples = o.Samples with { Prompts = ["Once", " "] } } },
        { "samples.prompts", o => o with { Samples = o.Samples with { Prompts = ["Once", null!] } } },
        { "samples.prompts", o => o with { Samples = o.Samples with { Prompts = [new string('p', 1001)] } } },
        { "samples.prompts", o => o with { Samples = o.Samples with { Prompts = [.. Enumerable.Repeat("Once", 9)] } } },
        { "student.layerCount", o => s_training with { Student = s_training.Student with { LayerCount = null } } },
        { "student.width", o => s_training with { Student = s_training.Student with { Width = null } } },
        { "student.heads", o => s_training with { Student = s_training.Student with { Heads = null } } },
        { "data.contextLength", o => s_training with { Data = s_training.Data with { ContextLength = null } } },
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
        Assert.Empty(RunPlan.Validate(s_training with { Objective = s_training.Objective.With(ce: 0, cos: 0) }));
    }

    [Fact]
    public void Validate_SeveralBadValues_NamesAll()
    {
        RunOptions bad = s_distillation with
        {
            Objective = s_distillation.Objective.With(temperature: 0), Optimiser = new() { LearningRate = double.NaN }, Schedule = new() { BatchSize = 0 },
        };
        Assert.Equal(["optimiser.learningRate", "schedule.batchSize"], bad.Validate().Select(problem => problem.Field).Order());
        Assert.Equal(["objective.ce.temperature", "optimiser.learningRate", "schedule.batchSize"], RunPlan.Validate(bad).Select(problem => problem.Field).Order());
    }

    [Fact]
    public void Validate_UnknownInitialisation_ListsTheValidOnes()
    {
        string message = RunPlan.Validate(s_distillation with { Student = s_distillation.Student with { Initialisation = "magic" } })[0].Message;
        Assert.Contains("'magic'", message);
        Assert.All(StudentInits.All, init => Assert.Contains(init.Name, message));
    }

    [Fact]
    public void Json_WrittenAndRead_IsTheSame()
    {
        var json = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        RunOptions options = s_distillation with
        {
            Student = new() { TeacherLayers = [0, 3] }, Schedule = new() { Semantics = TrainingSemantics.HuggingFaceExact },
        };
        string text = JsonSerializer.Serialize(options, json);
        Assert.Contains("\"semantics\":\"HuggingFaceExact\"", text);
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<RunOptions>(text, json), json));
    }
}
