using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>What is read, and how it is cut.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record DataOptions
{
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

    internal void Validate(OptionProblems problems)
    {
        if (string.IsNullOrWhiteSpace(DatasetId))
            problems.Add(OptionPath.Of(DatasetId), "No data set is chosen. Choose the text to train on.");
        if (ContextLength is int context && !problems.Names(OptionPath.Of(ContextLength)) && context < SequenceMode.ShortestContext())
            problems.Add(OptionPath.Of(ContextLength),
                $"The value is {context}, expected at least {SequenceMode.ShortestContext()} (tokens per sequence of the kind {SequenceMode}).");
    }
}
