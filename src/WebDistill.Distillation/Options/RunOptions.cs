using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>
/// Every knob of a run: what is trained, on what, towards which objective. Stored with the run as JSON, so that any curve can be
/// reproduced.
/// </summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed partial record RunOptions
{
    /// <summary>The run's name: free text for people, never a path.</summary>
    [Option("Name", "How the run is called in the table. Free text.", IsOptional = true, IsLabel = true)]
    public string Name { get; init; } = "";

    /// <summary>Id of the teacher model; null trains the student from scratch with the causal language-model loss alone.</summary>
    [Option("Teacher",
        "The model whose predictions the student learns to reproduce. Without one, a model is trained from scratch on the text alone.",
        IsChosen = true, IsFixedOnceBegun = true)]
    public string? TeacherId { get; init; }

    // ---- Student

    /// <summary>Name of an entry of StudentInits.All: "teacher-layers", "random" or "checkpoint".</summary>
    [Option("Initialisation", "Where the student's weights come from before the first update.",
        Usual = "Copying teacher layers is the usual choice (Sanh et al. 2019).", IsChosen = true, IsFixedOnceBegun = true)]
    public string StudentInitialisation { get; init; } = "teacher-layers";

    /// <summary>Number of transformer blocks of the student; null is half of the teacher's. Without a teacher it must be given.</summary>
    [Option("Layers", "Transformer blocks of the student. Blank takes half of the teacher's.",
        Usual = "Half the teacher's (Sanh et al. 2019, Shleifer and Rush 2020).", Minimum = 1, Maximum = OptionLimits.Layers,
        Advice = "transformer blocks of the student", IsFixedOnceBegun = true)]
    public int? StudentLayerCount { get; init; }

    /// <summary>
    /// Which teacher layers (0-based) are copied, one per student layer; null spaces <see cref="StudentLayerCount"/> layers evenly.
    /// </summary>
    [Option("Teacher layers copied",
        "Which layers of the teacher are copied, counted from 0, one per student layer. Blank spaces them evenly.",
        Usual = "0, 2, 4, 7, 9, 11 for 12 to 6 layers (Sanh et al. 2019).", IsFixedOnceBegun = true)]
    public IReadOnlyList<int>? StudentTeacherLayers { get; init; }

    /// <summary>Id of the model to start from, for the initialisation "checkpoint".</summary>
    [Option("Start from", "The model whose weights the student starts from.", IsChosen = true, IsFixedOnceBegun = true)]
    public string? StudentModelId { get; init; }

    /// <summary>Width of the residual stream (n_embd), for runs without a teacher; with one, the teacher's width is used.</summary>
    [Option("Width", "Width of the residual stream, n_embd.", Usual = "64 to 512 for a few million tokens; GPT-2 small has 768.",
        Minimum = 1, Maximum = OptionLimits.Width, Advice = "width of the residual stream", IsFixedOnceBegun = true)]
    public int? StudentWidth { get; init; }

    /// <summary>Attention heads (n_head), for runs without a teacher; must divide the width.</summary>
    [Option("Attention heads", "Heads per layer, n_head. They must divide the width.", Usual = "Width / 64 in GPT-2 (Radford et al. 2019).",
        Minimum = 1, Maximum = OptionLimits.Width, Advice = "attention heads", IsFixedOnceBegun = true)]
    public int? StudentHeads { get; init; }

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    [Option("Initialiser range", "Standard deviation of freshly drawn weights.", Usual = "0.02 in GPT-2 (Radford et al. 2019).",
        Minimum = 0, Maximum = 10, ExcludesMinimum = true, Advice = "0.02 is usual")]
    public double InitialiserRange { get; init; } = 0.02;

    /// <summary>Dropout probability of the student while it trains (embeddings, attention and residual branches alike).</summary>
    [Option("Dropout", "Probability of dropping a unit while the student trains: embeddings, attention and residual branches alike.",
        Usual = "0.1 in GPT-2; 0 for small models on short runs.", Minimum = 0, Maximum = 1, ExcludesMaximum = true,
        Advice = "0 switches it off, 0.1 is usual")]
    public double Dropout { get; init; } = 0.1;

    // ---- Data

    /// <summary>Id of the data set.</summary>
    [Option("Data set", "The tokens the student is trained on, and the held-out ones its perplexity is measured on.", IsChosen = true,
        IsFixedOnceBegun = true)]
    public string DatasetId { get; init; } = "";

    /// <summary>How sequences are cut out of the corpus.</summary>
    [Option("Sequences", "Packed cuts the token stream into full blocks. Hugging Face pads one document per row.",
        Usual = "Packed wastes no computation (Raffel et al. 2020).", IsFixedOnceBegun = true)]
    public SequenceMode SequenceMode { get; init; } = SequenceMode.Packed;

    /// <summary>Tokens per sequence (n_positions of a model trained from scratch); null is the teacher's n_positions.</summary>
    [Option("Context length",
        "Tokens per sequence. Blank takes the teacher's n_positions. From scratch it becomes the model's n_positions.",
        Usual = "128 for short documents; GPT-2 has 1024.", Unit = "tokens", Minimum = 2, Maximum = OptionLimits.Positions,
        Advice = "tokens per sequence", IsFixedOnceBegun = true)]
    public int? ContextLength { get; init; }

    /// <summary>Batch sequences of similar length together (HuggingFace sequences only).</summary>
    [Option("Group by size", "Batches documents of similar length together, which saves padding. Hugging Face sequences only.",
        IsFixedOnceBegun = true)]
    public bool GroupBySize { get; init; } = true;

    /// <summary>Draw a new order of the sequences in every epoch.</summary>
    [Option("Shuffle", "Draws a new order of the sequences in every epoch.", IsFixedOnceBegun = true)]
    public bool Shuffle { get; init; } = true;

    // ---- Objective

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

    // ---- Optimisation

    /// <summary>Passes over the training split.</summary>
    [Option("Epochs", "Passes over the training split.", Usual = "1 to 4.", Unit = "passes", Minimum = 1, Maximum = 100_000,
        Advice = "passes over the training split")]
    public int Epochs { get; init; } = 3;

    /// <summary>Sequences per micro-batch.</summary>
    [Option("Batch size", "Sequences per micro-batch. Larger needs more memory.", Usual = "1 to 32.", Unit = "sequences", Minimum = 1,
        Maximum = 65_536, Advice = "sequences per micro-batch", IsFixedOnceBegun = true)]
    public int BatchSize { get; init; } = 8;

    /// <summary>Micro-batches per update.</summary>
    [Option("Gradient accumulation", "Micro-batches per update: a large batch without its memory.",
        Usual = "1; 500 with batch size 1 (Sanh et al. 2019).", Unit = "batches", Minimum = 1, Maximum = 1_000_000,
        Advice = "micro-batches per update", IsFixedOnceBegun = true)]
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>Peak learning rate of AdamW.</summary>
    [Option("Learning rate", "Peak step size of AdamW.", Usual = "1e-4 to 1e-3; 2.5e-4 (Sanh et al. 2019). Smaller models bear more.",
        Unit = "peak", Minimum = 0, Maximum = 10, ExcludesMinimum = true, Advice = "usual values lie between 1e-5 and 1e-3")]
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Share of the updates over which the learning rate rises linearly from 0; afterwards it falls linearly to 0.</summary>
    [Option("Warm-up", "Share of the updates over which the learning rate rises from 0. After it, the rate falls linearly to 0.",
        Usual = "0.05 (Sanh et al. 2019).", Unit = "of updates", Minimum = 0, Maximum = 1,
        Advice = "it is a share of all updates, 0.05 is usual")]
    public double WarmupProportion { get; init; } = 0.05;

    /// <summary>Decoupled weight decay (biases excluded).</summary>
    [Option("Weight decay", "Decoupled decay of the weights towards 0, biases excluded.", Usual = "0 to 0.1 (Loshchilov and Hutter 2019).",
        Minimum = 0, Maximum = 10, Advice = "0 switches it off")]
    public double WeightDecay { get; init; }

    /// <summary>AdamW's first-moment decay.</summary>
    [Option("Adam β₁", "Decay of the first moment.", Usual = "0.9 (Kingma and Ba 2015).", Minimum = 0, Maximum = 1, ExcludesMaximum = true,
        Advice = "0.9 is usual")]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's second-moment decay.</summary>
    [Option("Adam β₂", "Decay of the second moment.", Usual = "0.95 to 0.999; 0.98 (Hugging Face's distillation project).", Minimum = 0,
        Maximum = 1, ExcludesMaximum = true, Advice = "0.98 is usual")]
    public double AdamBeta2 { get; init; } = 0.98;

    /// <summary>AdamW's epsilon, added outside the square root.</summary>
    [Option("Adam ε", "Added outside the square root.", Usual = "1e-8 to 1e-6; 1e-6 (Sanh et al. 2019).", Minimum = 0, Maximum = 1,
        ExcludesMinimum = true, Advice = "1e-6 is usual")]
    public double AdamEpsilon { get; init; } = 1e-6;

    /// <summary>Global gradient norm above which the gradient is scaled down.</summary>
    [Option("Max gradient norm", "A gradient with a larger global norm is scaled down to it.", Usual = "1 to 5 (Pascanu et al. 2013).",
        Minimum = 0, Maximum = 1e30, ExcludesMinimum = true, Advice = "5 is usual, a very large one never clips")]
    public double MaxGradientNorm { get; init; } = 5.0;

    /// <summary>Do not train the position embeddings.</summary>
    [Option("Freeze position embeddings", "Leaves the copied position embeddings as the teacher's.", Usual = "On in the paper's GPT-2 run.",
        IsFixedOnceBegun = true)]
    public bool FreezePositionEmbeddings { get; init; }

    /// <summary>Seed of every random choice of the run: initialisation, order of sequences, dropout.</summary>
    [Option("Seed", "Of every random choice: initialisation, order of sequences, dropout.", IsFixedOnceBegun = true)]
    public long Seed { get; init; } = 56;

    /// <summary>In which numbers the matrix products are computed, the teacher's and those of the validation included.</summary>
    [Option("Precision",
        "Numbers of the matrix products. BFloat16 is meant for GPUs: 8 bits of mantissa instead of 24; weights, moments and losses stay in 32 bits.")]
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>Which bookkeeping the loop follows.</summary>
    [Option("Bookkeeping",
        "Corrected weighs every token of an update the same. Hugging Face exact reproduces the reference with its known defects.",
        IsFixedOnceBegun = true)]
    public TrainingSemantics Semantics { get; init; } = TrainingSemantics.Corrected;

    // ---- Intervals

    /// <summary>Updates between two measurements of the validation perplexity; 0 measures at the end only.</summary>
    [Option("Validate every", "Updates between two measurements of the validation perplexity. 0 measures at the end only.",
        Usual = "20 to 500.", Unit = "updates", Minimum = 0, Advice = "0 measures at the end only")]
    public int ValidationIntervalSteps { get; init; } = 50;

    /// <summary>Upper bound of validation tokens read per measurement.</summary>
    [Option("Validation tokens", "Most held-out tokens read per measurement.", Usual = "8192 and more.", Unit = "tokens", Minimum = 2,
        Advice = "tokens read per measurement")]
    public int ValidationMaxTokens { get; init; } = 65536;

    // ---- Checkpoints: besides these a run saves one at its end, and when it is paused, stopped or shut down

    /// <summary>Updates between two saved checkpoints; 0 saves none for this reason.</summary>
    [Option("Checkpoint every",
        "Updates between two saved checkpoints. 0 saves none for this reason; one is always saved at the end, on pause, stop and shutdown.",
        Usual = "100 to 1000.", Unit = "updates", Minimum = 0, Advice = "0 switches this reason off")]
    public int CheckpointIntervalSteps { get; init; } = 500;

    /// <summary>Minutes after which a checkpoint is saved if none was; 0 saves none for this reason.</summary>
    [Option("Checkpoint at least every",
        "Minutes after which a checkpoint is saved if none was: the most work that a power cut can cost. 0 saves none for this reason.",
        Usual = "5 to 30.", Unit = "minutes", Minimum = 0, Maximum = 10_000, Advice = "0 switches this reason off")]
    public double CheckpointIntervalMinutes { get; init; } = 10;

    /// <summary>The latest checkpoints that are kept; older ones are removed unless another rule keeps them.</summary>
    [Option("Keep the latest",
        "Checkpoints that are kept; older ones are removed unless another rule keeps them. Each takes three times the student's weights.",
        Usual = "1 to 5.", Unit = "checkpoints", Minimum = 1, Maximum = 100_000, Advice = "the latest one is always kept")]
    public int KeepLastCheckpoints { get; init; } = 3;

    /// <summary>Keep the checkpoint with the lowest perplexity on the held-out split.</summary>
    [Option("Keep the best", "Keeps the checkpoint with the lowest validation perplexity.")]
    public bool KeepBestCheckpoint { get; init; } = true;

    /// <summary>Keep every checkpoint whose update is a multiple of this; 0 keeps none for this reason.</summary>
    [Option("Keep multiples of", "Keeps every checkpoint whose update is a multiple of this. 0 keeps none for this reason.",
        Usual = "0, or a few times the interval.", Unit = "updates", Minimum = 0, Advice = "0 keeps none for this reason")]
    public int KeepCheckpointEverySteps { get; init; }
}
