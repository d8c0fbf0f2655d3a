using System.Text.Json.Serialization;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation;

/// <summary>How token sequences are cut out of a corpus.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SequenceMode>))]
public enum SequenceMode
{
    /// <summary>
    /// Blocks of <see cref="DistillationOptions.ContextLength"/> tokens over the whole stream, documents separated by the end-of-text id.
    /// </summary>
    Packed,

    /// <summary>
    /// One document (or a piece of a long one) per row, end-of-text at both ends, right-padded: as Hugging Face's distillation project does
    /// it.
    /// </summary>
    HuggingFace,
}

/// <summary>What the logits' squared error is divided by, besides the number of tokens.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MseReduction>))]
public enum MseReduction
{
    /// <summary>Summed over the vocabulary, as Hugging Face's distillation project does: about V times larger than a mean.</summary>
    SumOverVocabulary,

    /// <summary>Divided by the vocabulary size: does not change scale with the vocabulary.</summary>
    PerElement,
}

/// <summary>Which bookkeeping the loop follows where the reference implementation has known defects.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrainingSemantics>))]
public enum TrainingSemantics
{
    /// <summary>
    /// Every token of an update weighs the same, left-over micro-batches of an epoch make an update of their own, the schedule counts real
    /// updates.
    /// </summary>
    Corrected,

    /// <summary>
    /// Reproduces the reference: micro-batch means averaged, left-overs carried into the next epoch's first update, schedule over
    /// int(L/A*E)+1 updates.
    /// </summary>
    HuggingFaceExact,
}

/// <summary>In which numbers the matrix products of a run are computed.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Precision>))]
public enum Precision
{
    /// <summary>32 bits throughout.</summary>
    Float32,

    /// <summary>
    /// Linear layers and attention in bfloat16 (8 bits of mantissa); weights, moments, residual stream, norms and losses stay in 32 bits. Meant
    /// for GPUs that have units for it.
    /// </summary>
    BFloat16,
}

/// <summary>One problem found by <see cref="DistillationOptions.Validate"/>.</summary>
/// <param name="Field">Name of the option in camelCase, as the form, the API and the stored JSON spell it.</param>
/// <param name="Message">States the value, what was expected and the fix.</param>
public sealed record OptionProblem(string Field, string Message);

/// <summary>
/// Every knob of a run: what is trained, on what, towards which objective. Stored with the run as JSON, so that any curve can be
/// reproduced.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record DistillationOptions
{
    /// <summary>The run's name: free text for people, never a path.</summary>
    public string Name { get; init; } = "";

    /// <summary>Id of the teacher model; null trains the student from scratch with the causal language-model loss alone.</summary>
    public string? TeacherId { get; init; }

    /// <summary>Id of the data set.</summary>
    public string DatasetId { get; init; } = "";

    // ---- Student

    /// <summary>Name of an entry of StudentInits.All: "teacher-layers", "random" or "checkpoint".</summary>
    public string StudentInitialisation { get; init; } = "teacher-layers";

    /// <summary>
    /// Which teacher layers (0-based) are copied, one per student layer; null spaces <see cref="StudentLayerCount"/> layers evenly.
    /// </summary>
    public IReadOnlyList<int>? StudentTeacherLayers { get; init; }

    /// <summary>Number of transformer blocks of the student; null is half of the teacher's. Without a teacher it must be given.</summary>
    public int? StudentLayerCount { get; init; }

    /// <summary>Id of the model to start from, for the initialisation "checkpoint".</summary>
    public string? StudentModelId { get; init; }

    /// <summary>Width of the residual stream (n_embd), for runs without a teacher; with one, the teacher's width is used.</summary>
    public int? StudentWidth { get; init; }

    /// <summary>Attention heads (n_head), for runs without a teacher; must divide the width.</summary>
    public int? StudentHeads { get; init; }

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    public double InitialiserRange { get; init; } = 0.02;

    /// <summary>Dropout probability of the student while it trains (embeddings, attention and residual branches alike).</summary>
    public double Dropout { get; init; } = 0.1;

    // ---- Data

    /// <summary>How sequences are cut out of the corpus.</summary>
    public SequenceMode SequenceMode { get; init; } = SequenceMode.Packed;

    /// <summary>Tokens per sequence (n_positions of a model trained from scratch); null is the teacher's n_positions.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Batch sequences of similar length together (HuggingFace sequences only).</summary>
    public bool GroupBySize { get; init; } = true;

    /// <summary>Draw a new order of the sequences in every epoch.</summary>
    public bool Shuffle { get; init; } = true;

    // ---- Objective

    /// <summary>Softmax temperature T of the distillation cross-entropy.</summary>
    public double Temperature { get; init; } = 2.0;

    /// <summary>Weight of the distillation cross-entropy T²·KL(teacher‖student).</summary>
    public double AlphaCe { get; init; } = 5.0;

    /// <summary>Weight of the causal language-model cross-entropy.</summary>
    public double AlphaClm { get; init; } = 2.0;

    /// <summary>Weight of the squared error between the logits.</summary>
    public double AlphaMse { get; init; }

    /// <summary>Weight of the cosine distance between the last hidden states.</summary>
    public double AlphaCos { get; init; } = 1.0;

    /// <summary>What the logits' squared error is divided by.</summary>
    public MseReduction MseReduction { get; init; } = MseReduction.SumOverVocabulary;

    // ---- Optimisation

    /// <summary>Passes over the training split.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>Sequences per micro-batch.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Micro-batches per update.</summary>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Peak learning rate of AdamW.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Share of the updates over which the learning rate rises linearly from 0; afterwards it falls linearly to 0.</summary>
    public double WarmupProportion { get; init; } = 0.05;

    /// <summary>Decoupled weight decay (biases excluded).</summary>
    public double WeightDecay { get; init; }

    /// <summary>AdamW's first-moment decay.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's second-moment decay.</summary>
    public double AdamBeta2 { get; init; } = 0.98;

    /// <summary>AdamW's epsilon, added outside the square root.</summary>
    public double AdamEpsilon { get; init; } = 1e-6;

    /// <summary>Global gradient norm above which the gradient is scaled down.</summary>
    public double MaxGradientNorm { get; init; } = 5.0;

    /// <summary>Do not train the position embeddings.</summary>
    public bool FreezePositionEmbeddings { get; init; }

    /// <summary>Seed of every random choice of the run: initialisation, order of sequences, dropout.</summary>
    public long Seed { get; init; } = 56;

    /// <summary>Which bookkeeping the loop follows.</summary>
    public TrainingSemantics Semantics { get; init; } = TrainingSemantics.Corrected;

    /// <summary>In which numbers the matrix products are computed, the teacher's and those of the validation included.</summary>
    public Precision Precision { get; init; } = Precision.Float32;

    // ---- Intervals

    /// <summary>Updates between two measurements of the validation perplexity; 0 measures at the end only.</summary>
    public int ValidationIntervalSteps { get; init; } = 50;

    /// <summary>Upper bound of validation tokens read per measurement.</summary>
    public int ValidationMaxTokens { get; init; } = 65536;

    // ---- Checkpoints: besides these a run saves one at its end, and when it is paused, stopped or shut down

    /// <summary>Updates between two saved checkpoints; 0 saves none for this reason.</summary>
    public int CheckpointIntervalSteps { get; init; } = 500;

    /// <summary>Minutes after which a checkpoint is saved if none was; 0 saves none for this reason.</summary>
    public double CheckpointIntervalMinutes { get; init; } = 10;

    /// <summary>The latest checkpoints that are kept; older ones are removed unless another rule keeps them.</summary>
    public int KeepLastCheckpoints { get; init; } = 3;

    /// <summary>Keep the checkpoint with the lowest perplexity on the held-out split.</summary>
    public bool KeepBestCheckpoint { get; init; } = true;

    /// <summary>Keep every checkpoint whose update is a multiple of this; 0 keeps none for this reason.</summary>
    public int KeepCheckpointEverySteps { get; init; }

    /// <summary>Every problem that can be seen without reading a model or a corpus; empty when there is none.</summary>
    /// <remarks>
    /// What needs a model or a corpus (vocabularies, widths, context, number of sequences) is checked by <see cref="RunPlan.Check"/>.
    /// </remarks>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();

        if (Name.Length > MaxNameCharacters)
            problems.Add(nameof(Name), $"The name has {Name.Length} characters, expected at most {MaxNameCharacters}. Shorten it.");
        else if (ForeignText.NameProblem(Name) is string unprintable)
            problems.Add(nameof(Name), unprintable);
        if (string.IsNullOrWhiteSpace(DatasetId))
            problems.Add(nameof(DatasetId), "No data set is chosen. Choose the text to train on.");
        if (TeacherId is not null && string.IsNullOrWhiteSpace(TeacherId))
            problems.Add(nameof(TeacherId), "The teacher's id is blank. Choose a teacher, or leave the field out to train from scratch.");

        ValidateStudent(problems);
        ValidateData(problems);
        ValidateObjective(problems);

        problems.Integer(nameof(Epochs), Epochs, 1, 100_000, "passes over the training split");
        problems.Integer(nameof(BatchSize), BatchSize, 1, 65_536, "sequences per micro-batch");
        problems.Integer(nameof(GradientAccumulation), GradientAccumulation, 1, 1_000_000, "micro-batches per update");
        problems.Number(nameof(LearningRate), LearningRate, 0, 10, excludesMinimum: true, "usual values lie between 1e-5 and 1e-3");
        problems.Number(nameof(WarmupProportion), WarmupProportion, 0, 1, excludesMinimum: false,
            "it is a share of all updates, 0.05 is usual");
        problems.Number(nameof(WeightDecay), WeightDecay, 0, 10, excludesMinimum: false, "0 switches it off");
        problems.Beta(nameof(AdamBeta1), AdamBeta1, "0.9 is usual");
        problems.Beta(nameof(AdamBeta2), AdamBeta2, "0.98 is usual");
        problems.Number(nameof(AdamEpsilon), AdamEpsilon, 0, 1, excludesMinimum: true, "1e-6 is usual");
        problems.Number(nameof(MaxGradientNorm), MaxGradientNorm, 0, 1e30, excludesMinimum: true,
            "5 is usual, a very large one never clips");
        if (!Enum.IsDefined(Semantics))
            problems.Unknown(nameof(Semantics), Semantics);
        if (!Enum.IsDefined(Precision))
            problems.Unknown(nameof(Precision), Precision);

        problems.Integer(nameof(ValidationIntervalSteps), ValidationIntervalSteps, 0, int.MaxValue, "0 measures at the end only");
        problems.Integer(nameof(ValidationMaxTokens), ValidationMaxTokens, 2, int.MaxValue, "tokens read per measurement");
        problems.Integer(nameof(CheckpointIntervalSteps), CheckpointIntervalSteps, 0, int.MaxValue, "0 switches this reason off");
        problems.Number(nameof(CheckpointIntervalMinutes), CheckpointIntervalMinutes, 0, 10_000, excludesMinimum: false,
            "0 switches this reason off");
        problems.Integer(nameof(KeepLastCheckpoints), KeepLastCheckpoints, 1, 100_000, "the latest one is always kept");
        problems.Integer(nameof(KeepCheckpointEverySteps), KeepCheckpointEverySteps, 0, int.MaxValue, "0 keeps none for this reason");
        return problems.Found;
    }

    private const int MaxNameCharacters = 200;

    private void ValidateStudent(OptionProblems problems)
    {
        bool hasTeacher = TeacherId is not null;
        if (!StudentInits.All.Any(init => init.Name == StudentInitialisation))
        {
            problems.Add(nameof(StudentInitialisation),
                $"The student initialisation '{ForeignText.Quote(StudentInitialisation)}' is unknown. Choose one of: "
                    + $"{string.Join(", ", StudentInits.All.Select(init => init.Name))}.");
        }
        else if (StudentInitialisation == TeacherLayersInit.InitName && !hasTeacher)
        {
            problems.Add(nameof(StudentInitialisation),
                $"'{StudentInitialisation}' copies layers of a teacher, and no teacher is chosen. Choose a teacher or the "
                    + $"initialisation '{RandomInit.InitName}'.");
        }
        else if (StudentInitialisation == CheckpointInit.InitName && string.IsNullOrWhiteSpace(StudentModelId))
        {
            problems.Add(nameof(StudentModelId),
                $"'{StudentInitialisation}' starts from a model, and none is chosen. Choose the model to start from.");
        }

        if (StudentLayerCount is int layers)
            problems.Integer(nameof(StudentLayerCount), layers, 1, Gpt2Config.MaxLayers, "transformer blocks of the student");
        if (StudentTeacherLayers is { } list)
        {
            if (list.Count == 0)
                problems.Add(nameof(StudentTeacherLayers),
                    "The list of teacher layers is empty. Name one layer per student layer, or leave it out for an even spacing.");
            else if (list.Any(layer => layer < 0))
                problems.Add(nameof(StudentTeacherLayers),
                    $"Teacher layer {list.First(layer => layer < 0)} is negative. Layers are counted from 0.");
            else if (StudentLayerCount is int count && StudentInitialisation == TeacherLayersInit.InitName && count != list.Count)
                problems.Add(nameof(StudentTeacherLayers),
                    $"{list.Count} teacher layers are listed for {count} student layers. List one per student layer, or leave the count "
                    + "out.");
        }
        if (StudentWidth is int width)
            problems.Integer(nameof(StudentWidth), width, 1, Gpt2Config.MaxWidth, "width of the residual stream");
        if (StudentHeads is int heads)
            problems.Integer(nameof(StudentHeads), heads, 1, Gpt2Config.MaxWidth, "attention heads");
        if (StudentWidth is > 0 and int w && StudentHeads is > 0 and int h && w % h != 0)
            problems.Add(nameof(StudentHeads), $"{h} heads do not divide the width {w}. Choose a number of heads that divides it.");

        if (!hasTeacher && StudentInitialisation == RandomInit.InitName)
        {
            if (StudentLayerCount is null)
                problems.Add(nameof(StudentLayerCount), "The number of layers is missing. Without a teacher it must be given.");
            if (StudentWidth is null)
                problems.Add(nameof(StudentWidth), "The width is missing. Without a teacher it must be given.");
            if (StudentHeads is null)
                problems.Add(nameof(StudentHeads), "The number of attention heads is missing. Without a teacher it must be given.");
            if (ContextLength is null)
                problems.Add(nameof(ContextLength),
                    "The context length is missing. Without a teacher it must be given: it becomes the model's n_positions.");
        }
        problems.Number(nameof(InitialiserRange), InitialiserRange, 0, 10, excludesMinimum: true, "0.02 is usual");
        if (!(Dropout >= 0 && Dropout < 1))
            problems.Add(nameof(Dropout),
                $"The dropout probability is {OptionProblems.Text(Dropout)}, expected 0 <= p < 1. 0 switches it off, 0.1 is usual.");
    }

    private void ValidateData(OptionProblems problems)
    {
        if (!Enum.IsDefined(SequenceMode))
            problems.Unknown(nameof(SequenceMode), SequenceMode);
        int shortest = SequenceSource.ShortestContext(SequenceMode);
        if (ContextLength is int context)
            problems.Integer(nameof(ContextLength), context, shortest, Gpt2Config.MaxPositions, "tokens per sequence");
    }

    private void ValidateObjective(OptionProblems problems)
    {
        problems.Number(nameof(Temperature), Temperature, 0.01, 1000, excludesMinimum: false, "2 is usual; 1 does not soften");
        if (!Enum.IsDefined(MseReduction))
            problems.Unknown(nameof(MseReduction), MseReduction);

        (string Field, double Value)[] weights =
            [(nameof(AlphaCe), AlphaCe), (nameof(AlphaClm), AlphaClm), (nameof(AlphaMse), AlphaMse), (nameof(AlphaCos), AlphaCos)];
        bool allInRange = true;
        foreach ((string field, double value) in weights)
            allInRange &= problems.Number(field, value, 0, 1e6, excludesMinimum: false, "0 switches the loss off");
        if (!allInRange)
            return;
        if (TeacherId is null && AlphaClm == 0)
            problems.Add(nameof(AlphaClm),
                "The weight of the causal language-model loss is 0 and there is no teacher, so nothing would be minimised. Give it a "
                + "weight above 0.");
        else if (weights.Sum(weight => weight.Value) == 0)
            problems.Add(nameof(AlphaCe),
                "All loss weights are 0, so nothing would be minimised. Give at least one of them a weight above 0.");
    }
}
