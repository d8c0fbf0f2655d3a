using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Runs;

/// <summary>A run as the API shows it: its options, where it stands and its latest figures. A perplexity is exp of the loss in nats beside it.</summary>
public sealed record RunResponse(
    Guid Id, string Name, RunKind Kind, RunStatus Status, int Step, int TotalSteps, string? Error, string? ErrorId, Guid? TeacherId, Guid? DatasetId,
    Guid? StudentModelId, Guid? AfterRunId, Guid? QuickStartId, DateTime CreatedAt, DateTime? StartedAt, DateTime? FinishedAt,
    double? TeacherPerplexity, double? TeacherNatsPerToken, double? ValidationPerplexity, double? ValidationNatsPerToken, double? TotalLoss,
    double? TokensPerSecond, int? TeacherLayers, int? StudentLayers, long? TeacherParameters, long? StudentParameters, string? TeacherSha256, string? DatasetSha256,
    string? TokenizerSha256, string? Engine, string? Version, long QueueOrder, int Attempt, double TrainedSeconds, Guid? BranchRunId,
    int? BranchStep, JsonElement Options)
{
    /// <summary>What was measured last on held-out labelled examples; it is there with a run over such alone, once something was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ClassesResponse? Validation { get; init; }

    /// <summary>The response of a run.</summary>
    public static RunResponse Of(Run run) => new(
        run.Id, run.Name, run.Kind, run.Status, run.Step, run.TotalSteps, run.Error, run.FailureId()?.Name, run.TeacherId, run.DatasetId, run.StudentModelId,
        run.AfterRunId, run.QuickStartId, run.CreatedAt, run.StartedAt, run.FinishedAt, run.TeacherPerplexity, run.Teacher()?.NatsPerToken,
        run.ValidationPerplexity, run.Validation()?.NatsPerToken, run.TotalLoss, run.TokensPerSecond, run.TeacherLayers, run.StudentLayers, run.TeacherParameters, run.StudentParameters,
        run.TeacherSha256, run.DatasetSha256, run.TokenizerSha256, run.Engine, run.Version, run.QueueOrder, run.Attempt,
        run.TrainedSeconds, run.BranchRunId, run.BranchStep,
        StoredOptions.Json(run)) { Validation = ClassesResponse.Of(run.Score(), run.TeacherScore()) };
}

/// <summary>What was measured of a student, and of its teacher, on held-out labelled examples: the numbers by the names of their series. Accuracy, F1 and correlation are better the higher they are.</summary>
/// <param name="Student">The student's; null before it was measured.</param>
/// <param name="Teacher">The teacher's; null without one, and before it was measured.</param>
/// <param name="AccuracyToTeacher">The student's accuracy less the teacher's.</param>
public sealed record ClassesResponse(IReadOnlyDictionary<string, double>? Student, IReadOnlyDictionary<string, double>? Teacher, double? AccuracyToTeacher)
{
    /// <summary>Of scores; null where none of them is one of classes.</summary>
    public static ClassesResponse? Of(ValidationScore? student, ValidationScore? teacher) => (student ?? teacher) is not { Perplexity: null } ? null
        : new(student?.Values, teacher?.Values, student is not null && teacher is not null ? student.Value - teacher.Value : null);
}

/// <summary>What a run would do and need, and how long it would take at the speed of the latest one; nulls where that cannot be known.</summary>
/// <param name="Warnings">What may go wrong or be unintended, by field: memory or disk that is tight, for one.</param>
/// <param name="EstimatedSecondsLeast">The same at a speed that a quarter of the latest run's updates exceeded.</param>
/// <param name="EstimatedSecondsMost">The same at a speed that three quarters of them exceeded.</param>
/// <param name="MemoryAvailableBytes">What there is for the plan's memory: the machine's, a control group's limit or the GPU's, less the server's own.</param>
/// <param name="DiskAvailableBytes">What the data folder has room for.</param>
public sealed record PlanResponse(
    RunPlan? Plan, double? EstimatedSeconds, IReadOnlyList<OptionProblem> Warnings, double? EstimatedSecondsLeast, double? EstimatedSecondsMost,
    long? MemoryAvailableBytes, long? DiskAvailableBytes)
{
    /// <summary>The response of a forecast without problems.</summary>
    public static PlanResponse Of(RunForecast forecast) => new(
        forecast.Plan, forecast.EstimatedSeconds, forecast.Warnings, forecast.Time?.LeastSeconds, forecast.Time?.MostSeconds,
        forecast.Fit?.Memory.AvailableBytes, forecast.Fit?.Disk.AvailableBytes);
}

/// <summary>A line of a run's log.</summary>
public sealed record LogLineResponse(long Id, DateTime At, LogSeverity Severity, int Step, string Text)
{
    /// <summary>The response of a line.</summary>
    public static LogLineResponse Of(LogLine line) => new(line.Id, line.At, line.Severity, line.Step, line.Text);
}

/// <summary>What a guard saw in a run, and what was done.</summary>
/// <param name="Guard">Its name, as its option is called.</param>
/// <param name="Title">What it looks for.</param>
/// <param name="Threshold">What the value must not pass; null where it must only be finite.</param>
/// <param name="ToStep">The update that the run went back to, 0 for its beginning; null where it did not.</param>
/// <param name="LearningRate">The peak learning rate from there on; null where it did not go back.</param>
public sealed record AlertResponse(
    long Id, DateTime At, int Attempt, int Step, string Guard, string Title, AlertAnswer Answer, double Value, double? Threshold, string Unit, string Text, int? ToStep,
    double? LearningRate)
{
    /// <summary>The response of an alert.</summary>
    public static AlertResponse Of(Alert alert) => new(
        alert.Id, alert.At, alert.Attempt, alert.Step, alert.Guard, GuardCatalogue.Title(alert.Guard), alert.Answer, alert.Value, alert.Threshold, alert.Unit, alert.Text,
        alert.ToStep, alert.LearningRate);
}

/// <summary>A state saved during a run. The id stands where a model's can: for generation.</summary>
public sealed record CheckpointResponse(
    Guid Id, int Step, DateTime CreatedAt, long Bytes, double? ValidationPerplexity, double? ValidationNatsPerToken, string WeightsSha256)
{
    /// <summary>What was measured of it on held-out labelled examples, by the names of the series; it is there with those of such a run alone, where something was measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Validation { get; init; }
}

/// <summary>The checkpoint to resume from; without one, the newest complete one.</summary>
public sealed record ResumeRequest
{
    /// <summary>Its update.</summary>
    public int? Step { get; init; }
}

/// <summary>How much longer a completed run shall train.</summary>
public sealed record ContinueRequest
{
    /// <summary>More passes over the training split.</summary>
    public required int Epochs { get; init; }
}

/// <summary>A place in the queue.</summary>
public sealed record PositionRequest
{
    /// <summary>1 is the next to start.</summary>
    public required int Position { get; init; }
}
