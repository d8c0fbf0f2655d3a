namespace WebDistill.Distillation.Generation;

/// <summary>How text is continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>Stop strings at most.</summary>
    public const int MaxStopStrings = 4;

    /// <summary>Longest stop string in characters.</summary>
    public const int MaxStopStringCharacters = 200;

    /// <summary>Tokens to write at most.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Softmax temperature: below 1 sharper, above 1 flatter.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among the k most likely tokens only; 0 draws among all.</summary>
    public int TopK { get; init; }

    /// <summary>Draw among the fewest most likely tokens whose probabilities sum to at least this; 1 draws among all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>
    /// Divides the positive logits, and multiplies the negative ones, of every id that the prompt or the text holds already, before all
    /// else and for greedy too; 1 leaves them as they are (Keskar et al. 2019, CTRL).
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>
    /// The text ends before the first of these that it contains, at most <see cref="MaxStopStrings"/>; the prompt is not searched. Needs a
    /// tokenizer.
    /// </summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Always take the most likely token; temperature, top-k, top-p and seed have no effect then.</summary>
    public bool Greedy { get; init; }

    /// <summary>Seed of the draws: the same seed, model and prompt give the same text.</summary>
    public long Seed { get; init; }

    /// <summary>Stop after the model's end-of-text id.</summary>
    public bool StopAtEndOfText { get; init; } = true;

    /// <summary>Every option that is out of range; empty when there is none.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.Integer(nameof(MaxNewTokens), MaxNewTokens, 1, 100_000, "tokens to write");
        problems.Number(nameof(Temperature), Temperature, 0.01, 100, excludesMinimum: false,
            "1 leaves the model's probabilities as they are; for always the likeliest token choose greedy");
        problems.Integer(nameof(TopK), TopK, 0, int.MaxValue, "0 draws among all tokens");
        problems.Number(nameof(TopP), TopP, 0, 1, excludesMinimum: true, "1 draws among all tokens");
        problems.Number(nameof(RepetitionPenalty), RepetitionPenalty, 0.1, 10, excludesMinimum: false,
            "1 switches it off, 1.2 is usual, below 1 invites repetition");
        if (StopStrings.Count > MaxStopStrings)
            problems.Add(nameof(StopStrings), $"There are {StopStrings.Count} stop strings, expected at most {MaxStopStrings}.");
        foreach (string? stop in StopStrings)
        {
            if (string.IsNullOrEmpty(stop))
                problems.Add(nameof(StopStrings), "A stop string is empty: every text would end at once. Leave it out.");
            else if (stop.Length > MaxStopStringCharacters)
                problems.Add(nameof(StopStrings),
                    $"A stop string has {stop.Length} characters, expected at most {MaxStopStringCharacters}. Shorten it.");
        }
        return problems.Found;
    }
}
