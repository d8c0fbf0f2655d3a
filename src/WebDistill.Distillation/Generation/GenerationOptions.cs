using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Generation;

/// <summary>How text is continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>Stop strings at most.</summary>
    public const int MaxStopStrings = 4;

    /// <summary>Longest stop string in characters.</summary>
    public const int MaxStopStringCharacters = 200;

    /// <summary>Tokens to write at most.</summary>
    [Option("Max new tokens", "Each model writes at most this many. End of text and a full context end it earlier.", Usual = "50 to 500.",
        Minimum = 1, Maximum = 100_000, Advice = "tokens to write")]
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Softmax temperature: below 1 sharper, above 1 flatter.</summary>
    [Option("Temperature", "Divides the logits before the softmax: below 1 sharpens the choice, above 1 flattens it.",
        Usual = "0.7 to 1; 1 leaves the model's probabilities as they are.", Minimum = 0.01, Maximum = 100,
        Advice = "1 leaves the model's probabilities as they are; for always the likeliest token choose greedy")]
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among the k most likely tokens only; 0 draws among all.</summary>
    [Option("Top-k", "Draws among the k likeliest tokens only. 0 draws among all.", Usual = "40 (Radford et al. 2019).", Minimum = 0,
        Advice = "0 draws among all tokens")]
    public int TopK { get; init; }

    /// <summary>Draw among the fewest most likely tokens whose probabilities sum to at least this; 1 draws among all.</summary>
    [Option("Top-p", "Draws among the fewest tokens whose probabilities sum to at least p. 1 draws among all.",
        Usual = "0.9 to 0.95 (Holtzman et al. 2020).", Minimum = 0, Maximum = 1, ExcludesMinimum = true, Advice = "1 draws among all tokens")]
    public double TopP { get; init; } = 1;

    /// <summary>
    /// Divides the positive logits, and multiplies the negative ones, of every id that the prompt or the text holds already, before all
    /// else and for greedy too; 1 leaves them as they are (Keskar et al. 2019, CTRL).
    /// </summary>
    [Option("Repetition penalty",
        "Divides the positive logits, and multiplies the negative ones, of tokens that prompt or text hold already. 1 switches it off; it "
        + "applies to greedy too.", Usual = "1 to 1.3; 1.2 (Keskar et al. 2019).", Minimum = 0.1, Maximum = 10,
        Advice = "1 switches it off, 1.2 is usual, below 1 invites repetition")]
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>
    /// The text ends before the first of these that it contains, at most <see cref="MaxStopStrings"/>; the prompt is not searched. Needs a
    /// tokenizer.
    /// </summary>
    [Option("Stop strings",
        "A text ends before the first of these that it contains. One per line, four at most; \\n stands for a line break and \\\\ for a "
        + "backslash.", IsOptional = true)]
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Always take the most likely token; temperature, top-k, top-p and seed have no effect then.</summary>
    [Option("Greedy", "Always takes the most likely token.")]
    public bool Greedy { get; init; }

    /// <summary>Seed of the draws: the same seed, model and prompt give the same text.</summary>
    [Option("Seed", "Of the draws: the same seed, model, prompt and options give the same text again.")]
    public long Seed { get; init; }

    /// <summary>Stop after the model's end-of-text id.</summary>
    [Option("Stop at end of text", "Ends the text after the model's end-of-text id.")]
    public bool StopAtEndOfText { get; init; } = true;

    /// <summary>Every option that is out of range; empty when there is none.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.AddRange(OptionSchema.Of<GenerationOptions>().Problems(this));
        if (StopStrings.Count > MaxStopStrings)
            problems.Add(OptionPath.Of(StopStrings), $"There are {StopStrings.Count} stop strings, expected at most {MaxStopStrings}.");
        foreach (string? stop in StopStrings)
        {
            if (string.IsNullOrEmpty(stop))
                problems.Add(OptionPath.Of(StopStrings), "A stop string is empty: every text would end at once. Leave it out.");
            else if (stop.Length > MaxStopStringCharacters)
                problems.Add(OptionPath.Of(StopStrings),
                    $"A stop string has {stop.Length} characters, expected at most {MaxStopStringCharacters}. Shorten it.");
        }
        return problems.Found;
    }
}
