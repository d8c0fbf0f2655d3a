using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;

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
    /// <summary>The response of a run.</summary>
    public static RunResponse Of(Run run) => new(
        run.Id, run.Name, run.Kind, run.Status, run.Step, run.TotalSteps, run.Error, run.FailureId()?.Name, run.TeacherId, run.DatasetId, run.StudentModelId,
        run.AfterRunId, run.QuickStartId, run.CreatedAt, run.StartedAt, run.FinishedAt, run.TeacherPerplexity, run.Teacher()?.NatsPerToken,
        run.ValidationPerplexity, run.Validation()?.NatsPerToken, run.TotalLoss, run.TokensPerSecond, run.TeacherLayers, run.StudentLayers, run.TeacherParameters, run.StudentParameters,
        run.TeacherSha256, run.DatasetSha256, run.TokenizerSha256, run.Engine, run.Version, run.QueueOrder, run.Attempt,
        run.TrainedSeconds, run.BranchRunId, run.BranchStep,
        JsonSerializer.Deserialize<JsonElement>(run.OptionsJson));
}

/// <summary>What a run would do and need, and how long it would take at the speed of the latest one; nulls where that cannot be known.</summary>
/// <param name="Warnings">What may go wrong or be unintended, by field: memory or disk that is tight, for one.</param>
public sealed record PlanResponse(RunPlan? Plan, double? EstimatedSeconds, IReadOnlyList<OptionProblem> Warnings);

/// <summary>A new name.</summary>
public sealed record NameRequest
{
    /// <summary>Free text for people.</summary>
    public required string Name { get; init; }
}

/// <summary>A line of a run's log.</summary>
public sealed record LogLineResponse(long Id, DateTime At, LogSeverity Severity, int Step, string Text)
{
    /// <summary>The response of a line.</summary>
    public static LogLineResponse Of(LogLine line) => new(line.Id, line.At, line.Severity, line.Step, line.Text);
}

/// <summary>A state saved during a run. The id stands where a model's can: for generation.</summary>
public sealed record CheckpointResponse(
    Guid Id, int Step, DateTime CreatedAt, long Bytes, double? ValidationPerplexity, double? ValidationNatsPerToken, string WeightsSha256);

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
