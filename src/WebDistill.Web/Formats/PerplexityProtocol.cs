using WebDistill.Distillation.Evaluation;

namespace WebDistill.Web.Formats;

/// <summary>
/// Under which protocol a perplexity was measured. The same student and text have another one under each, so that a number is never called
/// "perplexity" alone: the name says the protocol, everywhere the same one.
/// </summary>
/// <param name="Name">"Validation perplexity, first 8 192 tokens, no overlap".</param>
/// <param name="What">How it was measured, for a tooltip.</param>
public sealed record PerplexityProtocol(string Name, string What)
{
    /// <summary>Where there is no room for the protocol, which the tooltip says then.</summary>
    public const string ValidationShort = "Validation perplexity";

    /// <summary>The same of models that fill masked words.</summary>
    public const string MaskedShort = "Masked perplexity";

    /// <summary>What a run's validation is called where there is no room for the protocol.</summary>
    /// <param name="isMasked">Whether its student fills masked words.</param>
    public static string Short(bool isMasked) => isMasked ? MaskedShort : ValidationShort;

    /// <summary>Why one model has several perplexities on one text.</summary>
    public const string WhyTheyDiffer = "A run's validation perplexity reads the first tokens of the held-out text in windows without overlap; an evaluation reads all of it, and with a stride every token has "
        + "more to look back at; fidelity reads up to 50 000 tokens without overlap. More to look back at makes a perplexity lower: compare figures of one name only.";

    /// <summary>What a run measures while it trains.</summary>
    /// <param name="maxTokens">Tokens read at most.</param>
    /// <param name="isMasked">Whether its student fills masked words.</param>
    public static PerplexityProtocol Validation(long maxTokens, bool isMasked) => isMasked ? new(
        $"{MaskedShort}, first {Figures.Count(maxTokens)} tokens",
        $"exp of the mean of −ln p of hidden tokens: 15 % of each window of the first {Figures.Count(maxTokens)} tokens of the held-out text (all of it where it is shorter), 80 % of them masked, 10 % "
            + "kept and 10 % replaced, always the same ones. It is no perplexity of the text: compare it with other masked perplexities only.") : new(
        $"{ValidationShort}, first {Figures.Count(maxTokens)} tokens, no overlap",
        $"exp of the mean of −ln p per BPE token over the first {Figures.Count(maxTokens)} tokens of the held-out text (all of it where it is shorter), in consecutive windows: "
            + "the first token of a window is not predicted.");

    /// <summary>What an evaluation measures by a sliding window.</summary>
    public static PerplexityProtocol Sliding(int contextTokens, int strideTokens) => new(
        $"Perplexity per token, {Window(contextTokens, strideTokens)}",
        strideTokens == contextTokens
            ? $"exp of the mean of −ln p per BPE token of the whole text in consecutive windows of {Figures.Count(contextTokens)} tokens."
            : $"exp of the mean of −ln p per BPE token of the whole text; windows of {Figures.Count(contextTokens)} tokens begin every {Figures.Count(strideTokens)} tokens, so that each token has at least "
                + $"{Figures.Count(contextTokens - strideTokens)} tokens to look back at.");

    /// <summary>What the comparison with a teacher measures beside the divergence.</summary>
    public static PerplexityProtocol Fidelity(int contextTokens) => new(
        $"Fidelity perplexity, first {Figures.Count(Distillation.Evaluation.Fidelity.MaxTokens)} tokens, no overlap",
        $"exp of the mean of −ln p per BPE token over up to {Figures.Count(Distillation.Evaluation.Fidelity.MaxTokens)} tokens of the text, in consecutive windows of {Figures.Count(contextTokens)} tokens, which "
            + "both models read.");

    /// <summary>"context 128, stride 64", or "context 128, no overlap".</summary>
    public static string Window(int contextTokens, int strideTokens) =>
        $"context {Figures.Count(contextTokens)}, {(strideTokens == contextTokens ? "no overlap" : $"stride {Figures.Count(strideTokens)}")}";

    /// <summary>A figure of an evaluation as pages and reports call it: a perplexity by its protocol, another one by its own name.</summary>
    public static PerplexityProtocol OfFigure(string set, string figure, int contextTokens, int strideTokens) => figure switch
    {
        TextPerplexity.TokenPerplexityName => Sliding(contextTokens, strideTokens),
        TextPerplexity.WordPerplexityName => Sliding(contextTokens, strideTokens) with { Name = $"Perplexity per word, {Window(contextTokens, strideTokens)}" },
        "Perplexity, student" or "Perplexity, teacher" when set == "fidelity" => Fidelity(contextTokens) is var named
            ? named with { Name = $"{named.Name}: {figure["Perplexity, ".Length..]}" } : named,
        _ => new PerplexityProtocol(figure, ""),
    };
}
