using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Options;

/// <summary>
/// Every knob of a run: what is trained, on what, towards which objective. Stored with the run as JSON, so that any curve can be
/// reproduced. A knob is known by its path, as JSON nests it: <c>optimiser.learningRate</c>.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record RunOptions
{
    private const int MaxNameCharacters = 200;

    /// <summary>The run's name: free text for people, never a path.</summary>
    [Option("Name", "How the run is called in the table. Free text.", IsOptional = true, IsLabel = true)]
    public string Name { get; init; } = "";

    /// <summary>Whose predictions the student learns.</summary>
    [Option("Teacher", "Whose predictions the student learns.")]
    public TeacherOptions Teacher { get; init; } = new();

    /// <summary>What is trained, and what it begins with.</summary>
    [Option("Student", "What is trained, and what it begins with.")]
    public StudentOptions Student { get; init; } = new();

    /// <summary>What is read, and how it is cut.</summary>
    [Option("Data", "What is read, and how it is cut.")]
    public DataOptions Data { get; init; } = new();

    /// <summary>What is hidden of the text, for a student that fills masked words; other runs hide nothing.</summary>
    [Option("Masking", "What is hidden of the text for a student that fills masked words (BERT and its like) to guess. A run of any other student hides nothing, and looks at none of this.")]
    public MaskingOptions Masking { get; init; } = new();

    /// <summary>The terms of the weighted sum that is minimised, by the names of their losses (<c>LossCatalogue</c>). The default is that of Sanh et al. 2019.</summary>
    [Option("Objective", "The weighted sum that is minimised: one term for each loss, with its weight and its parameters.")]
    public IReadOnlyDictionary<string, ObjectiveTerm> Objective { get; init; } =
        new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5), ["clm"] = new(2), ["cos"] = new(1) };

    /// <summary>How long is trained, in which portions, and when the held-out text is measured.</summary>
    [Option("Schedule", "How long is trained, in which portions, and when the held-out text is measured.")]
    public ScheduleOptions Schedule { get; init; } = new();

    /// <summary>How an update changes the weights.</summary>
    [Option("Optimiser", "How an update changes the weights: AdamW on a clipped gradient.")]
    public OptimiserOptions Optimiser { get; init; } = new();

    /// <summary>How the student is compressed while it trains; it is not unless something of it says so.</summary>
    [Option("Compression", "How the student is compressed while it trains. What comes out is a plain model: weights that are 0 or rounded, and nothing beside them. All of it is off by default.")]
    public CompressionOptions Compression { get; init; } = new();

    /// <summary>Seed of every random choice of the run: initialisation, order of sequences, dropout.</summary>
    [Option("Seed", "Of every random choice: initialisation, order of sequences, dropout.", IsFixedOnceBegun = true)]
    public long Seed { get; init; } = 56;

    /// <summary>In which numbers the matrix products are computed, the teacher's and those of the validation included.</summary>
    [Option("Precision",
        "Numbers of the matrix products. BFloat16 is meant for GPUs: 8 bits of mantissa instead of 24; weights, moments and losses stay in 32 bits.")]
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>When a checkpoint is saved and which ones are kept.</summary>
    [Option("Checkpoints", "When a checkpoint is saved and which ones are kept.")]
    public CheckpointOptions Checkpoints { get; init; } = new();

    /// <summary>Who looks after the run, and what they may do.</summary>
    [Option("Guards", "Who looks after the run while nobody does, and what they may do.")]
    public GuardOptions Guards { get; init; } = new();

    /// <summary>How often layers and predictions are looked at.</summary>
    [Option("Diagnosis", "How often the inside of the run is looked at: norms of each layer, entropies, agreement with the teacher.")]
    public DiagnosisOptions Diagnosis { get; init; } = new();
    /// <summary>What student and teacher answer as the training goes on.</summary>
    [Option("Samples", "Prompts that student and teacher answer as the training goes on.")]
    public SampleOptions Samples { get; init; } = new();

    /// <summary>Every problem of the options themselves: values out of range, and values that do not go together; empty when there is none.</summary>
    /// <remarks>
    /// Those of what they name (losses, a way to begin, models, a corpus) are found by <c>RunPlan.Validate</c> and <c>RunPlan.Check</c>.
    /// </remarks>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.AddRange(OptionSchema.Of<RunOptions>().Problems(this));
        if (Name.Length > MaxNameCharacters)
            problems.Add(OptionPath.Of(Name), $"The name has {Name.Length} characters, expected at most {MaxNameCharacters}. Shorten it.");
        else if (ForeignText.NameProblem(Name) is string unprintable)
            problems.Add(OptionPath.Of(Name), unprintable);
        Teacher.Validate(problems.In(OptionPath.Of(Teacher)));
        Student.Validate(problems.In(OptionPath.Of(Student)));
        Data.Validate(problems.In(OptionPath.Of(Data)));
        Masking.Validate(problems.In(OptionPath.Of(Masking)));
        Compression.Validate(problems.In(OptionPath.Of(Compression)));
        Compression.ValidateWith(Precision, problems.In(OptionPath.Of(Compression)));
        Guards.Validate(problems.In(OptionPath.Of(Guards)));
        Samples.Validate(problems.In(OptionPath.Of(Samples)));
        return problems.Found;
    }
}
