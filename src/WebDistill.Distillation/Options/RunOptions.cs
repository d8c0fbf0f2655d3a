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

    /// <summary>Softmax temperature T of the distillation cross-entropy.</summary>
    [Option("Temperature",
        "Divides the logits before the softmax of the distillation cross-entropy: higher shows the student more of the teacher's unlikely tokens.",
        Usual = "1 to 20; smaller students want lower (Hinton et al. 2015). 2 is usual.", Unit = "T", Minimum = 0.01, Maximum = 1000,
        Advice = "2 is usual; 1 does not soften")]
    public double Temperature { get; init; } = 2.0;

    /// <summary>Weight of the distillation cross-entropy T²·KL(teacher‖student).</summary>
    [Option("Distillation CE", "Weight of T²·KL(teacher‖student) in nats per token. 0 switches it off.", Usual = "5 (Sanh et al. 2019).",
        Minimum = 0, Maximum = 1e6, Advice = "0 switches the loss off")]
    public double AlphaCe { get; init; } = 5.0;

    /// <summary>Weight of the causal language-model cross-entropy.</summary>
    [Option("Causal LM", "Weight of the cross-entropy with the text's real next token. 0 switches it off.", Usual = "2 (Sanh et al. 2019).",
        Minimum = 0, Maximum = 1e6, Advice = "0 switches the loss off")]
    public double AlphaClm { get; init; } = 2.0;

    /// <summary>Weight of the squared error between the logits.</summary>
    [Option("Logits MSE", "Weight of the squared error between the logits. 0 switches it off.",
        Usual = "0; summed over the vocabulary it is large, so start near 1e-4 (Hugging Face's distillation project).", Minimum = 0,
        Maximum = 1e6, Advice = "0 switches the loss off")]
    public double AlphaMse { get; init; }

    /// <summary>Weight of the cosine distance between the last hidden states.</summary>
    [Option("Cosine", "Weight of 1 − cosine between the last hidden states. 0 switches it off.", Usual = "1 (Sanh et al. 2019).",
        Minimum = 0, Maximum = 1e6, Advice = "0 switches the loss off")]
    public double AlphaCos { get; init; } = 1.0;

    /// <summary>What the logits' squared error is divided by.</summary>
    [Option("MSE divided by", "What the logits' squared error is divided by, besides the number of tokens.",
        Usual = "Summed is the reference's; per element does not change with the vocabulary.")]
    public MseReduction MseReduction { get; init; } = MseReduction.SumOverVocabulary;

    /// <summary>How long is trained, in which portions, and when the held-out text is measured.</summary>
    [Option("Schedule", "How long is trained, in which portions, and when the held-out text is measured.")]
    public ScheduleOptions Schedule { get; init; } = new();

    /// <summary>How an update changes the weights.</summary>
    [Option("Optimiser", "How an update changes the weights: AdamW with linear warm-up and decay, on a clipped gradient.")]
    public OptimiserOptions Optimiser { get; init; } = new();

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

    /// <summary>Every problem of the options themselves: values out of range, and values that do not go together; empty when there is none.</summary>
    /// <remarks>
    /// Those of what they name (a way to begin, models, a corpus) are found by <c>RunPlan.Validate</c> and <c>RunPlan.Check</c>.
    /// </remarks>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.AddRange(OptionSchema.Run.Problems(this));
        if (Name.Length > MaxNameCharacters)
            problems.Add(OptionPath.Of(Name), $"The name has {Name.Length} characters, expected at most {MaxNameCharacters}. Shorten it.");
        else if (ForeignText.NameProblem(Name) is string unprintable)
            problems.Add(OptionPath.Of(Name), unprintable);
        Teacher.Validate(problems.In(OptionPath.Of(Teacher)));
        Student.Validate(problems.In(OptionPath.Of(Student)));
        Data.Validate(problems.In(OptionPath.Of(Data)));
        ValidateWeights(problems);
        return problems.Found;
    }

    private void ValidateWeights(OptionProblems problems)
    {
        string[] weights = [OptionPath.Of(AlphaCe), OptionPath.Of(AlphaClm), OptionPath.Of(AlphaMse), OptionPath.Of(AlphaCos)];
        if (weights.Any(problems.Names))
            return;
        if (Teacher.ModelId is null && AlphaClm == 0)
            problems.Add(OptionPath.Of(AlphaClm),
                "The weight of the causal language-model loss is 0 and there is no teacher, so nothing would be minimised. Give it a "
                + "weight above 0.");
        else if (AlphaCe + AlphaClm + AlphaMse + AlphaCos == 0)
            problems.Add(OptionPath.Of(AlphaCe),
                "All loss weights are 0, so nothing would be minimised. Give at least one of them a weight above 0.");
    }
}
