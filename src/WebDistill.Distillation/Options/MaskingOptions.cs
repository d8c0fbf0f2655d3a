using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>What is hidden of a text for a masked language model to guess, with the names that Hugging Face's distillation project has for it.</summary>
/// <remarks>
/// Sanh et al. 2019 ("DistilBERT"), code of huggingface/transformers-research-projects, distillation/distiller.py; the shares of 80, 10 and 10 % are those of
/// Devlin et al. 2019.
/// </remarks>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record MaskingOptions
{
    // What rounding of decimal fractions comes to, and nobody means.
    private const double Rounding = 1e-6;

    /// <summary>mlm_mask_prop: share of the tokens that are to be guessed.</summary>
    [Option("Guessed share", "Share of the tokens that are to be guessed: as many as it makes of a batch's tokens, rounded up.",
        Usual = "0.15 (Devlin et al. 2019).", Minimum = 0, ExcludesMinimum = true, Maximum = 1, Advice = "a share of the tokens, as 0.15")]
    public double Proportion { get; init; } = 0.15;

    /// <summary>word_mask: share of those that the mask stands for.</summary>
    [Option("Masked", "Share of those that the mask stands for.", Usual = "0.8.", Minimum = 0, Maximum = 1, Advice = "a share of the guessed tokens")]
    public double MaskShare { get; init; } = 0.8;

    /// <summary>word_keep: share of those that stay as they are.</summary>
    [Option("Kept", "Share of those that stay as they are, so that what is not masked is worth reading.", Usual = "0.1.", Minimum = 0, Maximum = 1,
        Advice = "a share of the guessed tokens")]
    public double KeepShare { get; init; } = 0.1;

    /// <summary>word_rand: share of those that another token of the vocabulary stands for.</summary>
    [Option("Replaced", "Share of those that any token of the vocabulary stands for.", Usual = "0.1.", Minimum = 0, Maximum = 1, Advice = "a share of the guessed tokens")]
    public double RandomShare { get; init; } = 0.1;

    /// <summary>mlm_smoothing: a token that occurs n times is drawn in proportion to n to the power of minus this.</summary>
    [Option("Smoothing", "How much rarer tokens are preferred: one that occurs n times is drawn in proportion to n to the power of minus this. 0 prefers none.",
        Usual = "0.7.", Minimum = 0, Maximum = 10, Advice = "an exponent")]
    public double Smoothing { get; init; } = 0.7;

    /// <summary>restrict_ce_to_mask: whether the teacher's predictions are compared at guessed tokens alone.</summary>
    [Option("Compare at guessed tokens only", "Compares the predictions of teacher and student at the guessed tokens alone; otherwise at every token.", Usual = "Off.")]
    public bool RestrictToMask { get; init; }

    /// <summary>Every problem of the options by themselves.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.AddRange(OptionSchema.Of<MaskingOptions>().Problems(this));
        Validate(problems);
        return problems.Found;
    }

    /// <summary>What does not go together; of shares that are none by themselves nothing more is said.</summary>
    internal void Validate(OptionProblems problems)
    {
        double sum = MaskShare + KeepShare + RandomShare;
        if (!problems.Names(OptionPath.Of(MaskShare)) && !problems.Names(OptionPath.Of(KeepShare)) && !problems.Names(OptionPath.Of(RandomShare)) && !(Math.Abs(sum - 1) <= Rounding))
            problems.Add(OptionPath.Of(MaskShare), FormattableString.Invariant($"The shares of masked ({MaskShare}), kept ({KeepShare}) and replaced tokens ({RandomShare}) are {sum:0.######} together, expected 1. ")
                + "0.8, 0.1 and 0.1 are usual.");
    }
}
