using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>Prompts that student and teacher answer as the training goes on: before the first update, at an interval, and after the last one.</summary>
/// <remarks>They read the models and change nothing that is computed, so that a run that was begun may get others.</remarks>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record SampleOptions
{
    /// <summary>Prompts at most.</summary>
    public const int MaxPrompts = 8;

    /// <summary>Longest prompt in characters.</summary>
    public const int MaxPromptCharacters = 1000;

    /// <summary>Most samples of a run, the first and the last one not counted.</summary>
    public const int MostSamples = 1000;

    // Without an interval of its own a run has at most so many.
    private const int UsualSamples = 20;

    // An answer is written token by token, each of which takes as long as up to 40 that are trained (docs/samples.md); a hundred times that is 1 %.
    private const long TrainedTokensPerToken = 4000;

    /// <summary>Updates between two samples; 0 makes none at all, null as many as cost less than 1 % of the training, <c>UsualSamples</c> at most.</summary>
    [Option("Sample every",
        "Updates between two samples; one before the first update and one after the last come in any case. Blank: 20 over the run, or fewer where "
        + "they would cost more than 1 % of its time. 0 makes none.",
        Usual = "Blank.", Unit = "updates", Minimum = 0, Advice = "0 makes no samples", ZeroMeans = "off")]
    public int? IntervalSteps { get; init; }

    /// <summary>Tokens of an answer at most.</summary>
    [Option("Tokens of an answer", "Student and teacher write at most this many; end of text and a full context end an answer earlier.",
        Usual = "20 to 100.", Unit = "tokens", Minimum = 1, Maximum = 1000, Advice = "tokens to write")]
    public int MaxNewTokens { get; init; } = 32;

    /// <summary>What is answered; without any, the beginnings of some documents of the held-out split, which the seed chooses.</summary>
    [Option("Prompts",
        "What is answered, one per line; \\n stands for a line break and \\\\ for a backslash. Blank takes the beginnings of three documents of the "
        + "held-out text, chosen by the seed.", IsOptional = true)]
    public IReadOnlyList<string> Prompts { get; init; } = [];

    /// <summary>Updates between two samples of a run of that length; 0 makes none.</summary>
    /// <param name="tokens">Trained in all.</param>
    public int IntervalOf(int updates, long tokens)
    {
        if (IntervalSteps is int chosen)
            return chosen;
        // Prompts of one length are answered side by side, and those that somebody wrote hardly ever are.
        long affordable = tokens / (TrainedTokensPerToken * MaxNewTokens * Math.Max(1, Prompts.Count));
        return affordable == 0 ? updates : (int)((updates + Math.Min(UsualSamples, affordable) - 1) / Math.Min(UsualSamples, affordable));
    }

    internal void Validate(OptionProblems problems)
    {
        string path = OptionPath.Of(Prompts);
        if (Prompts.Count > MaxPrompts)
            problems.Add(path, $"There are {Prompts.Count} prompts, expected at most {MaxPrompts}. Leave some out.");
        else if (Prompts.Any(string.IsNullOrWhiteSpace))
            problems.Add(path, "A prompt is empty: there is nothing to answer. Leave it out.");
        else if (Prompts.FirstOrDefault(prompt => prompt.Length > MaxPromptCharacters) is string tooLong)
            problems.Add(path, $"A prompt has {tooLong.Length} characters, expected at most {MaxPromptCharacters}. Shorten it.");
    }
}
