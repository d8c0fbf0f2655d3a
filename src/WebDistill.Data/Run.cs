namespace WebDistill.Data;

/// <summary>Whether a run learns from a teacher.</summary>
public enum RunKind
{
    /// <summary>From scratch, with the causal language-model loss alone.</summary>
    Training,

    /// <summary>From a teacher.</summary>
    Distillation,
}

/// <summary>Where a run stands. Which status may follow which is the business of RunLifecycle and of nothing else.</summary>
public enum RunStatus
{
    /// <summary>Waits for its turn.</summary>
    Queued,

    /// <summary>Its turn has come: models, corpus and checkpoint are being read and checked.</summary>
    Preparing,

    /// <summary>Makes updates.</summary>
    Running,

    /// <summary>Was asked to pause and is saving its state.</summary>
    Pausing,

    /// <summary>Rests with its state saved until somebody resumes it, or waits for room on the disk.</summary>
    Paused,

    /// <summary>Was asked to stop and is saving its state.</summary>
    Stopping,

    /// <summary>Was stopped by a person, a guard or its sweep. Can be resumed from its checkpoints.</summary>
    Stopped,

    /// <summary>Did every update; its student is a model of its own.</summary>
    Completed,

    /// <summary>Ended with an error, which <see cref="Run.Error"/> states.</summary>
    Failed,

    /// <summary>Was cut off by the end of the process.</summary>
    Interrupted,
}

/// <summary>What the reason in <see cref="Run.Error"/> is about, where somebody acts on it.</summary>
public enum RunErrorCause
{
    /// <summary>Nothing that the product acts on; the text says it.</summary>
    Other,

    /// <summary>A loss or the gradient's norm was not finite: a smaller learning rate may help.</summary>
    Diverged,

    /// <summary>The disk refuses: the run waits with its state in memory and goes on by itself.</summary>
    Disk,

    /// <summary>A guard saw something and acted.</summary>
    Guard,

    /// <summary>Successive halving ended it: other points of its sweep were better at the same update.</summary>
    Halving,
}

/// <summary>One training or distillation, from its options to its latest figures.</summary>
public sealed class Run : IListed
{
    /// <summary>Also the id of the model that the run produces, so that a run can name its teacher before that one is trained.</summary>
    public Guid Id { get; set; }

    /// <summary>Free text for people, never a path.</summary>
    public required string Name { get; set; }

    /// <summary>Whether it learns from a teacher.</summary>
    public RunKind Kind { get; set; }

    /// <summary>Where it stands.</summary>
    public RunStatus Status { get; set; }

    /// <summary>Updates done and recorded.</summary>
    public int Step { get; set; }

    /// <summary>Updates planned; 0 until the corpus is prepared.</summary>
    public int TotalSteps { get; set; }

    /// <summary>Why it failed, was interrupted, or waits.</summary>
    public string? Error { get; set; }

    /// <summary>What <see cref="Error"/> is about; null where there is none.</summary>
    public RunErrorCause? ErrorCause { get; set; }

    /// <summary>The RunOptions, whole, as JSON.</summary>
    public required string OptionsJson { get; set; }

    /// <summary>The teacher model, or the run that is to produce it.</summary>
    public Guid? TeacherId { get; set; }

    /// <summary>The model whose weights the student begins with; null when it begins otherwise.</summary>
    public Guid? FirstModelId { get; set; }

    /// <summary>The data set.</summary>
    public Guid? DatasetId { get; set; }

    /// <summary>The model made of the student once the run is complete.</summary>
    public Guid? StudentModelId { get; set; }

    /// <summary>A run that must be complete before this one starts.</summary>
    public Guid? AfterRunId { get; set; }

    /// <summary>Position in the queue: the lowest number that can start, starts.</summary>
    public long QueueOrder { get; set; }

    /// <summary>When it was asked for, UTC.</summary>
    public DateTime CreatedAt { get; set; }

    /// <summary>When training began for the first time, UTC.</summary>
    public DateTime? StartedAt { get; set; }

    /// <summary>When it came to rest, UTC; null while it waits or trains.</summary>
    public DateTime? FinishedAt { get; set; }

    /// <summary>How often it was started: 1 for a run that was never cut.</summary>
    public int Attempt { get; set; }

    /// <summary>Updates that the present attempt found done.</summary>
    public int AttemptFromStep { get; set; }

    /// <summary>When the present attempt began, UTC.</summary>
    public DateTime? AttemptStartedAt { get; set; }

    /// <summary>Time spent on it, all attempts together, up to the latest recorded update.</summary>
    public double TrainedSeconds { get; set; }

    /// <summary>Attempts in a row that ended with the process before they recorded an update.</summary>
    public int FruitlessAttempts { get; set; }

    /// <summary>The checkpoint that the next attempt goes on from; null means the newest complete one.</summary>
    public int? ResumeStep { get; set; }

    /// <summary>The run whose checkpoint this one began with.</summary>
    public Guid? BranchRunId { get; set; }

    /// <summary>The update of that checkpoint.</summary>
    public int? BranchStep { get; set; }

    /// <summary>The teacher's perplexity on the held-out split.</summary>
    public double? TeacherPerplexity { get; set; }

    /// <summary>The mean loss that it is the exponential of, nats per token; null where an early version measured it.</summary>
    public double? TeacherNatsPerToken { get; set; }

    /// <summary>The student's latest perplexity on the held-out split.</summary>
    public double? ValidationPerplexity { get; set; }

    /// <summary>The mean loss that it is the exponential of, nats per token; null where an early version measured it.</summary>
    public double? ValidationNatsPerToken { get; set; }

    /// <summary>What was measured last of the student on held-out labelled examples, as a JSON object of series and numbers; null in a run over texts.</summary>
    public string? ValidationOfClassesJson { get; set; }

    /// <summary>The accuracy among it, 0 to 1.</summary>
    public double? ValidationAccuracy { get; set; }

    /// <summary>The same of the teacher, as a JSON object of series and numbers.</summary>
    public string? TeacherOfClassesJson { get; set; }

    /// <summary>Weighted loss of the latest update.</summary>
    public double? TotalLoss { get; set; }

    /// <summary>Throughput of the latest update.</summary>
    public double? TokensPerSecond { get; set; }

    /// <summary>Transformer blocks of the teacher.</summary>
    public int? TeacherLayers { get; set; }

    /// <summary>Transformer blocks of the student.</summary>
    public int? StudentLayers { get; set; }

    /// <summary>Parameters of the teacher.</summary>
    public long? TeacherParameters { get; set; }

    /// <summary>Parameters of the student.</summary>
    public long? StudentParameters { get; set; }

    /// <summary>Floating-point operations per trained token; with the throughput it says how fast this machine computes.</summary>
    public double? FlopsPerToken { get; set; }

    /// <summary>Hash of the teacher's weights.</summary>
    public string? TeacherSha256 { get; set; }

    /// <summary>Hash of the corpus as it was uploaded.</summary>
    public string? DatasetSha256 { get; set; }

    /// <summary>Hash of the tokenizer.</summary>
    public string? TokenizerSha256 { get; set; }

    /// <summary>Tensor engine and device that trained it.</summary>
    public string? Engine { get; set; }

    /// <summary>Version of WebDistill that trained it.</summary>
    public string? Version { get; set; }

    /// <summary>Joins the runs that one press of "Quick start" made.</summary>
    public Guid? QuickStartId { get; set; }

    /// <summary>The sweep that it belongs to.</summary>
    public Guid? SweepId { get; set; }

    /// <summary>The update after which it is measured and rests, until its sweep decides whether it goes on; null where it trains to its end.</summary>
    public int? RestAtStep { get; set; }

    /// <summary>What the sweep changed for it, as a JSON object of dimension names and labels.</summary>
    public string? SweepPointJson { get; set; }

    /// <summary>The statuses of a run that is being worked on.</summary>
    public static IReadOnlyList<RunStatus> ActiveStatuses { get; } =
        [RunStatus.Preparing, RunStatus.Running, RunStatus.Pausing, RunStatus.Stopping];

    /// <summary>The statuses of a run that will still read its models and its corpus: those are not deleted under it.</summary>
    public static IReadOnlyList<RunStatus> StatusesThatNeedFiles { get; } =
    [
        RunStatus.Queued, RunStatus.Preparing, RunStatus.Running, RunStatus.Pausing, RunStatus.Paused, RunStatus.Stopping,
        RunStatus.Interrupted,
    ];

    /// <summary>Whether it is being worked on: it has the machine.</summary>
    public bool IsActive => ActiveStatuses.Contains(Status);

    /// <summary>Whether it has come to an end; what happens afterwards somebody has to ask for.</summary>
    public bool IsFinal => Status is RunStatus.Completed or RunStatus.Stopped or RunStatus.Failed or RunStatus.Interrupted;
}
