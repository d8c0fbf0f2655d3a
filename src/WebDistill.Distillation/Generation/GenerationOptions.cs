namespace WebDistill.Distillation.Generation;

/// <summary>How text is continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens to write at most.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Softmax temperature: below 1 sharper, above 1 flatter.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among the k most likely tokens only; 0 draws among all.</summary>
    public int TopK { get; init; }

    /// <summary>Draw among the fewest most likely tokens whose probabilities sum to at least this; 1 draws among all.</summary>
    public double TopP { get; init; } = 1;

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
        return problems.Found;
    }
}
