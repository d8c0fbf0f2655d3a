using System.Text.Json.Serialization;

namespace WebDistill.Distillation;

/// <summary>How token sequences are cut out of a corpus.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SequenceMode>))]
public enum SequenceMode
{
    /// <summary>Blocks of <see cref="DistillationOptions.ContextLength"/> tokens over the whole stream, documents separated by the end-of-text id.</summary>
    Packed,

    /// <summary>One document (or a piece of a long one) per row, end-of-text at both ends, right-padded: as Hugging Face's distillation project does it.</summary>
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
    /// <summary>Every token of an update weighs the same, left-over micro-batches of an epoch make an update of their own, the schedule counts real updates.</summary>
    Corrected,

    /// <summary>Reproduces the reference: micro-batch means averaged, left-overs carried into the next epoch's first update, schedule over int(L/A*E)+1 updates.</summary>
    HuggingFaceExact,
}

/// <summary>One problem found by <see cref="DistillationOptions.Validate"/>.</summary>
/// <param name="Field">Name of the option in camelCase, as the form, the API and the stored JSON spell it.</param>
/// <param name="Message">States the value, what was expected and the fix.</param>
public sealed record OptionProblem(string Field, string Message);

/// <summary>Every knob of a run: what is trained, on what, towards which objective. Stored with the run as JSON, so that any curve can be reproduced.</summary>
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

    /// <summary>Which teacher layers (0-based) are copied, one per student layer; null spaces <see cref="StudentLayerCount"/> layers evenly.</summary>
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

    // ---- Intervals

    /// <summary>Updates between two measurements of the validation perplexity; 0 measures at the end only.</summary>
    public int ValidationIntervalSteps { get; init; } = 50;

    /// <summary>Upper bound of validation tokens read per measurement.</summary>
    public int ValidationMaxTokens { get; init; } = 65536;

    /// <summary>Updates between two saved checkpoints; 0 saves at the end only.</summary>
    public int CheckpointIntervalSteps { get; init; } = 500;

    /// <summary>Every problem that can be seen without reading a model or a corpus; empty when there is none.</summary>
    public IReadOnlyList<OptionProblem> Validate() => throw new NotSupportedException();
}
