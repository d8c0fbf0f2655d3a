using System.Text.RegularExpressions;

namespace WebDistill.Distillation.Evaluation;

/// <summary>WikiText (Merity et al. 2016): the raw test text, which WikiText-2 and WikiText-103 share.</summary>
/// <remarks>
/// The raw text still has the spaces that its tokeniser put in. They are taken out by the rules that GPT-2's authors describe and
/// NVIDIA's Megatron-LM published (tasks/zeroshot_gpt/detokenizer.py); without them a model is charged for a spelling nobody uses.
/// </remarks>
public abstract partial class WikiText : TextPerplexity
{
    /// <inheritdoc/>
    public override string Purpose => "How well verified Wikipedia articles are predicted.";

    /// <inheritdoc/>
    public override string Licence => "CC BY-SA 3.0 and GFDL";

    /// <inheritdoc/>
    protected override string Leading => WordPerplexityName;

    /// <inheritdoc/>
    protected override string Treatment =>
        "The raw test text (WikiText-2 and WikiText-103 share it), its tokeniser's spaces taken out as Megatron-LM does.";

    /// <inheritdoc/>
    protected internal override string Detokenise(string original)
    {
        string text = original.Replace("s '", "s'", StringComparison.Ordinal);
        text = SpacedApostrophe().Replace(text, "/'$1/");
        foreach ((string spaced, string joined) in s_numbers)
            text = text.Replace(spaced, joined, StringComparison.Ordinal);
        foreach (char mark in ":;.!?,")
            text = text.Replace($" {mark} ", $"{mark} ", StringComparison.Ordinal);
        text = Round().Replace(text, "($1)");
        text = Square().Replace(text, "[$1]");
        text = Curly().Replace(text, "{$1}");
        text = DoubleQuoted().Replace(text, "\"$1\"");
        text = SingleQuoted().Replace(text, "'$1'");
        foreach ((string spaced, string joined) in s_rest)
            text = text.Replace(spaced, joined, StringComparison.Ordinal);
        return text;
    }

    private static readonly (string Spaced, string Joined)[] s_numbers = [(" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", ".")];

    private static readonly (string Spaced, string Joined)[] s_rest =
    [
        ("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u00B0 ", "\u00B0"), (" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "),
        (" 's", "'s"),
    ];

    [GeneratedRegex("/' ([0-9])/")]
    private static partial Regex SpacedApostrophe();

    [GeneratedRegex(@"\(\s*([^\)]*?)\s*\)")]
    private static partial Regex Round();

    [GeneratedRegex(@"\[\s*([^\]]*?)\s*\]")]
    private static partial Regex Square();

    [GeneratedRegex(@"\{\s*([^\}]*?)\s*\}")]
    private static partial Regex Curly();

    [GeneratedRegex("\"\\s*([^\"]*?)\\s*\"")]
    private static partial Regex DoubleQuoted();

    [GeneratedRegex(@"'\s*([^']*?)\s*'")]
    private static partial Regex SingleQuoted();
}

/// <summary>WikiText-2's raw test split.</summary>
public sealed class WikiText2 : WikiText
{
    /// <inheritdoc/>
    public override string Name => "wikitext-2";

    /// <inheritdoc/>
    public override string Title => "WikiText-2";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => ["wikitext-2-raw/wiki.test.raw"];

    /// <inheritdoc/>
    public override string Origin => "wikitext-2-raw-v1 of Salesforce's WikiText (huggingface.co/datasets/Salesforce/wikitext)";
}

/// <summary>WikiText-103's raw test split: the same articles as WikiText-2's.</summary>
public sealed class WikiText103 : WikiText
{
    /// <inheritdoc/>
    public override string Name => "wikitext-103";

    /// <inheritdoc/>
    public override string Title => "WikiText-103";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => ["wikitext-103-raw/wiki.test.raw"];

    /// <inheritdoc/>
    public override string Origin => "wikitext-103-raw-v1 of Salesforce's WikiText (huggingface.co/datasets/Salesforce/wikitext)";
}
