namespace WebDistill.Data;

/// <summary>Whether a run learns from a teacher.</summary>
public enum RunKind
{
    /// <summary>From scratch, with the causal language-model loss alone.</summary>
    Training,

    /// <summary>From a teacher.</summary>
    Distillation,
}

/// <summary>Where a run stands. The last four are final.</summary>
public enum RunStatus
{
    /// <summary>Waits for its turn.</summary>
    Queued,

    /// <summary>Is being trained by this process.</summary>
    Running,

    /// <summary>Did every update; its student is a model of its own.</summary>
    Completed,

    /// <summary>Was stopped by a person.</summary>
    Stopped,

    /// <summary>Ended with an error, which <see cref="Run.Error"/> states.</summary>
    Failed,

    /// <summary>Was cut off by the end of the process.</summary>
    Interrupted,
}

/// <summary>One training or distillation, from its options to its latest figures.</summary>
public sealed class Run
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

    /// <summary>Why it failed or was interrupted.</summary>
    public string? Error { get; set; }

    /// <summary>The DistillationOptions, whole, as JSON.</summary>
    public required string OptionsJson { get; set; }

    /// <summary>The teacher model, or the run that is to produce it.</summary>
    public Guid? TeacherId { get; set; }

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

    /// <summary>When training began, UTC.</summary>
    public DateTime? StartedAt { get; set; }

    /// <summary>When it came to its final status, UTC.</summary>
    public DateTime? FinishedAt { get; set; }

    /// <summary>The teacher's perplexity on the held-out split.</summary>
    public double? TeacherPerplexity { get; set; }

    /// <summary>The student's latest perplexity on the held-out split.</summary>
    public double? ValidationPerplexity { get; set; }

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

    /// <summary>Whether nothing more can happen to the run.</summary>
    public bool IsFinal => Status is not (RunStatus.Queued or RunStatus.Running);
}
