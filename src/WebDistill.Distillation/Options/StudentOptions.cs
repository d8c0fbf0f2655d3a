using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>What is trained, and what it begins with.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record StudentOptions
{
    /// <summary>Name of an entry of StudentInits.All: "teacher-layers", "random" or "checkpoint".</summary>
    [Option("Initialisation", "Where the student's weights come from before the first update.",
        Usual = "Copying teacher layers is the usual choice (Sanh et al. 2019).", IsChosen = true, IsFixedOnceBegun = true)]
    public string Initialisation { get; init; } = "teacher-layers";

    /// <summary>Name of an entry of ModelFamilies.PredictingTokens, over labelled examples of ModelFamilies.SortingTexts; null is the teacher's family, and GPT-2 without a teacher.</summary>
    [Option("Family", "Kind of model of the student. Blank takes the teacher's, and GPT-2 without a teacher. What it does decides what is learned: GPT-2 continues texts, BERT and its like fill masked words, and over labelled examples these and BiLSTM sort texts into classes.",
        Usual = "The teacher's; distilbert of a bert (Sanh et al. 2019).", IsChosen = true, IsFixedOnceBegun = true)]
    public string? Family { get; init; }

    /// <summary>Number of transformer blocks of the student; null is half of the teacher's. Without a teacher it must be given.</summary>
    [Option("Layers", "Transformer blocks of the student. Blank takes half of the teacher's.",
        Usual = "Half the teacher's (Sanh et al. 2019, Shleifer and Rush 2020).", Minimum = 1, Maximum = OptionLimits.Layers,
        Advice = "transformer blocks of the student", IsFixedOnceBegun = true)]
    public int? LayerCount { get; init; }

    /// <summary>
    /// Which teacher layers (0-based) are copied, one per student layer; null spaces <see cref="LayerCount"/> layers evenly.
    /// </summary>
    [Option("Teacher layers copied",
        "Which layers of the teacher are copied, counted from 0, one per student layer. Blank spaces them evenly.",
        Usual = "0, 2, 4, 7, 9, 11 for 12 to 6 layers (Sanh et al. 2019).", IsFixedOnceBegun = true)]
    public IReadOnlyList<int>? TeacherLayers { get; init; }

    /// <summary>Id of the model to start from, for the initialisation "checkpoint".</summary>
    [Option("Start from", "The model whose weights the student starts from.", IsChosen = true, IsFixedOnceBegun = true)]
    public string? ModelId { get; init; }

    /// <summary>Width of the residual stream (n_embd) of a freshly drawn student; null is the teacher's. Without a teacher it must be given.</summary>
    [Option("Width", "Width of the residual stream, n_embd, of a freshly drawn student. Blank takes the teacher's.", Usual = "64 to 512 for a few million tokens; GPT-2 small has 768.",
        Minimum = 1, Maximum = OptionLimits.Width, Advice = "width of the residual stream", IsFixedOnceBegun = true)]
    public int? Width { get; init; }

    /// <summary>
    /// Attention heads (n_head) of a freshly drawn student; must divide the width. Null is as many as the teacher has, or as many below it as divide the width.
    /// Without a teacher they must be given.
    /// </summary>
    [Option("Attention heads", "Heads per layer, n_head, of a freshly drawn student. They must divide the width. Blank takes as many as the teacher has, or fewer that do.", Usual = "Width / 64 in GPT-2 (Radford et al. 2019).",
        Minimum = 1, Maximum = OptionLimits.Width, Advice = "attention heads", IsFixedOnceBegun = true)]
    public int? Heads { get; init; }

    /// <summary>Standard deviation of freshly drawn weights.</summary>
    [Option("Initialiser range", "Standard deviation of freshly drawn weights.", Usual = "0.02 in GPT-2 (Radford et al. 2019).",
        Minimum = 0, Maximum = 10, ExcludesMinimum = true, Advice = "0.02 is usual")]
    public double InitialiserRange { get; init; } = 0.02;

    /// <summary>Dropout probability of the student while it trains (embeddings, attention and residual branches alike).</summary>
    [Option("Dropout", "Probability of dropping a unit while the student trains: embeddings, attention and residual branches alike.",
        Usual = "0.1 in GPT-2; 0 for small models on short runs.", Minimum = 0, Maximum = 1, ExcludesMaximum = true,
        Advice = "0 switches it off, 0.1 is usual", ZeroMeans = "off", SliderMaximum = 0.5, SliderStep = 0.01)]
    public double Dropout { get; init; } = 0.1;

    /// <summary>Do not train the position embeddings.</summary>
    [Option("Freeze position embeddings", "Leaves the copied position embeddings as the teacher's.", Usual = "On in the paper's GPT-2 run.",
        IsFixedOnceBegun = true)]
    public bool FreezePositionEmbeddings { get; init; }

    /// <summary>Do not train the embeddings of token types, which tell the sentences of a pair apart.</summary>
    [Option("Freeze token type embeddings", "Leaves the embeddings that tell two sentences apart as they are: a run over single texts uses one of them alone. For families that have some, as BERT.",
        Usual = "Off.", IsFixedOnceBegun = true)]
    public bool FreezeTokenTypeEmbeddings { get; init; }

    internal void Validate(OptionProblems problems)
    {
        if (TeacherLayers is { Count: 0 })
            problems.Add(OptionPath.Of(TeacherLayers),
                "The list of teacher layers is empty. Name one layer per student layer, or leave it out for an even spacing.");
        else if (TeacherLayers?.Any(layer => layer < 0) == true)
            problems.Add(OptionPath.Of(TeacherLayers),
                $"Teacher layer {TeacherLayers.First(layer => layer < 0)} is negative. Layers are counted from 0.");
        if (Width is > 0 and int width && Heads is > 0 and int heads && width % heads != 0)
            problems.Add(OptionPath.Of(Heads), $"{heads} heads do not divide the width {width}. Choose a number of heads that divides it.");
    }
}
