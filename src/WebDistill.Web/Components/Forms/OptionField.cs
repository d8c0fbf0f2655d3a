namespace WebDistill.Web.Components.Forms;

/// <summary>How an option is typed in and read.</summary>
public enum OptionKind { Text, Number, Integer, Boolean, Choice, LayerList }

/// <summary>One option of a run as the form and the run's page show it.</summary>
/// <param name="Name">The property of DistillationOptions, in camelCase.</param>
/// <param name="What">What it does.</param>
/// <param name="Range">The usual range, and where it comes from.</param>
/// <param name="Optional">Blank is allowed and means what <paramref name="What"/> says.</param>
public sealed record OptionField(
    string Name, string Label, OptionKind Kind, string What, string? Range = null, string? Unit = null, bool Optional = false)
{
    /// <summary>The catalogue, in the form's reading order.</summary>
    public static IReadOnlyList<OptionField> All { get; } =
    [
        new("name", "Name", OptionKind.Text, "How the run is called in the table. Free text.", Optional: true),
        new("teacherId", "Teacher", OptionKind.Choice, "The model whose predictions the student learns to reproduce. Without one, a model is trained from scratch on the text alone.", Optional: true),
        new("studentInitialisation", "Initialisation", OptionKind.Choice, "Where the student's weights come from before the first update.",
            "Copying teacher layers is the usual choice (Sanh et al. 2019)."),
        new("studentLayerCount", "Layers", OptionKind.Integer, "Transformer blocks of the student. Blank takes half of the teacher's.",
            "Half the teacher's (Sanh et al. 2019, Shleifer and Rush 2020).", Optional: true),
        new("studentTeacherLayers", "Teacher layers copied", OptionKind.LayerList, "Which layers of the teacher are copied, counted from 0, one per student layer. Blank spaces them evenly.",
            "0, 2, 4, 7, 9, 11 for 12 to 6 layers (Sanh et al. 2019).", Optional: true),
        new("studentModelId", "Start from", OptionKind.Choice, "The model whose weights the student starts from.", Optional: true),
        new("studentWidth", "Width", OptionKind.Integer, "Width of the residual stream, n_embd.", "64 to 512 for a few million tokens; GPT-2 small has 768.", Optional: true),
        new("studentHeads", "Attention heads", OptionKind.Integer, "Heads per layer, n_head. They must divide the width.", "Width / 64 in GPT-2 (Radford et al. 2019).", Optional: true),
        new("initialiserRange", "Initialiser range", OptionKind.Number, "Standard deviation of freshly drawn weights.", "0.02 in GPT-2 (Radford et al. 2019)."),
        new("dropout", "Dropout", OptionKind.Number, "Probability of dropping a unit while the student trains: embeddings, attention and residual branches alike.",
            "0.1 in GPT-2; 0 for small models on short runs."),
        new("datasetId", "Data set", OptionKind.Choice, "The tokens the student is trained on, and the held-out ones its perplexity is measured on."),
        new("sequenceMode", "Sequences", OptionKind.Choice, "Packed cuts the token stream into full blocks. Hugging Face pads one document per row.",
            "Packed wastes no computation (Raffel et al. 2020)."),
        new("contextLength", "Context length", OptionKind.Integer, "Tokens per sequence. Blank takes the teacher's n_positions. From scratch it becomes the model's n_positions.",
            "128 for short documents; GPT-2 has 1024.", "tokens", Optional: true),
        new("groupBySize", "Group by size", OptionKind.Boolean, "Batches documents of similar length together, which saves padding. Hugging Face sequences only."),
        new("shuffle", "Shuffle", OptionKind.Boolean, "Draws a new order of the sequences in every epoch."),
        new("temperature", "Temperature", OptionKind.Number, "Divides the logits before the softmax of the distillation cross-entropy: higher shows the student more of the teacher's unlikely tokens.",
            "1 to 20; smaller students want lower (Hinton et al. 2015). 2 is usual.", "T"),
        new("alphaCe", "Distillation CE", OptionKind.Number, "Weight of T²·KL(teacher‖student) in nats per token. 0 switches it off.", "5 (Sanh et al. 2019)."),
        new("alphaClm", "Causal LM", OptionKind.Number, "Weight of the cross-entropy with the text's real next token. 0 switches it off.", "2 (Sanh et al. 2019)."),
        new("alphaMse", "Logits MSE", OptionKind.Number, "Weight of the squared error between the logits. 0 switches it off.", "0; summed over the vocabulary it is large, so start near 1e-4 (Hugging Face's distillation project)."),
        new("alphaCos", "Cosine", OptionKind.Number, "Weight of 1 − cosine between the last hidden states. 0 switches it off.", "1 (Sanh et al. 2019)."),
        new("mseReduction", "MSE divided by", OptionKind.Choice, "What the logits' squared error is divided by, besides the number of tokens.",
            "Summed is the reference's; per element does not change with the vocabulary."),
        new("epochs", "Epochs", OptionKind.Integer, "Passes over the training split.", "1 to 4.", "passes"),
        new("batchSize", "Batch size", OptionKind.Integer, "Sequences per micro-batch. Larger needs more memory.", "1 to 32.", "sequences"),
        new("gradientAccumulation", "Gradient accumulation", OptionKind.Integer, "Micro-batches per update: a large batch without its memory.", "1; 500 with batch size 1 (Sanh et al. 2019).", "batches"),
        new("learningRate", "Learning rate", OptionKind.Number, "Peak step size of AdamW.", "1e-4 to 1e-3; 2.5e-4 (Sanh et al. 2019). Smaller models bear more.", "peak"),
        new("warmupProportion", "Warm-up", OptionKind.Number, "Share of the updates over which the learning rate rises from 0. After it, the rate falls linearly to 0.", "0.05 (Sanh et al. 2019).", "of updates"),
        new("weightDecay", "Weight decay", OptionKind.Number, "Decoupled decay of the weights towards 0, biases excluded.", "0 to 0.1 (Loshchilov and Hutter 2019)."),
        new("adamBeta1", "Adam β₁", OptionKind.Number, "Decay of the first moment.", "0.9 (Kingma and Ba 2015)."),
        new("adamBeta2", "Adam β₂", OptionKind.Number, "Decay of the second moment.", "0.95 to 0.999; 0.98 (Hugging Face's distillation project)."),
        new("adamEpsilon", "Adam ε", OptionKind.Number, "Added outside the square root.", "1e-8 to 1e-6; 1e-6 (Sanh et al. 2019)."),
        new("maxGradientNorm", "Max gradient norm", OptionKind.Number, "A gradient with a larger global norm is scaled down to it.", "1 to 5 (Pascanu et al. 2013)."),
        new("freezePositionEmbeddings", "Freeze position embeddings", OptionKind.Boolean, "Leaves the copied position embeddings as the teacher's.", "On in the paper's GPT-2 run."),
        new("seed", "Seed", OptionKind.Integer, "Of every random choice: initialisation, order of sequences, dropout."),
        new("precision", "Precision", OptionKind.Choice, "Numbers of the matrix products. BFloat16 is meant for GPUs: 8 bits of mantissa instead of 24; weights, moments and losses stay in 32 bits."),
        new("semantics", "Bookkeeping", OptionKind.Choice, "Corrected weighs every token of an update the same. Hugging Face exact reproduces the reference with its known defects."),
        new("validationIntervalSteps", "Validate every", OptionKind.Integer, "Updates between two measurements of the validation perplexity. 0 measures at the end only.", "20 to 500.", "updates"),
        new("validationMaxTokens", "Validation tokens", OptionKind.Integer, "Most held-out tokens read per measurement.", "8192 and more.", "tokens"),
        new("checkpointIntervalSteps", "Checkpoint every", OptionKind.Integer, "Updates between two saved checkpoints. 0 saves none for this reason; one is always saved at the end, on pause, stop and shutdown.", "100 to 1000.", "updates"),
        new("checkpointIntervalMinutes", "Checkpoint at least every", OptionKind.Number, "Minutes after which a checkpoint is saved if none was: the most work that a power cut can cost. 0 saves none for this reason.", "5 to 30.", "minutes"),
        new("keepLastCheckpoints", "Keep the latest", OptionKind.Integer, "Checkpoints that are kept; older ones are removed unless another rule keeps them. Each takes three times the student's weights.", "1 to 5.", "checkpoints"),
        new("keepBestCheckpoint", "Keep the best", OptionKind.Boolean, "Keeps the checkpoint with the lowest validation perplexity."),
        new("keepCheckpointEverySteps", "Keep multiples of", OptionKind.Integer, "Keeps every checkpoint whose update is a multiple of this. 0 keeps none for this reason.", "0, or a few times the interval.", "updates"),
    ];

    private static readonly Dictionary<string, OptionField> ByName = All.ToDictionary(field => field.Name);

    /// <summary>The field of that name; KeyNotFoundException when there is none.</summary>
    public static OptionField Find(string name) => ByName[name];

    /// <summary>The field of that name, if the form has one.</summary>
    public static OptionField? FindOrNull(string name) => ByName.GetValueOrDefault(name);
}
