namespace WebDistill.Distillation.Evaluation;

/// <summary>The Penn Treebank's test text as prepared by Mikolov et al. 2010: lower case, numbers as N, rare words as &lt;unk&gt;.</summary>
/// <remarks>The spaces of its tokeniser are taken out by the rules of NVIDIA's Megatron-LM (tasks/zeroshot_gpt/detokenizer.py).</remarks>
public sealed class PennTreebank : TextPerplexity
{
    private static readonly (string Spaced, string Joined)[] s_rules =
    [
        (" '", "'"), (" \n", "\n"), ("\n ", "\n"), (" n't", "n't"), (" N ", "1 "), ("$ 1", "$1"), ("# 1", "#1"),
    ];

    /// <inheritdoc/>
    public override string Name => "ptb";

    /// <inheritdoc/>
    public override string Title => "Penn Treebank";

    /// <inheritdoc/>
    public override string Purpose => "How well newspaper text of 1989 is predicted, in the form in which language models were long compared.";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => ["ptb/ptb.test.txt", "ptb.test.txt"];

    /// <inheritdoc/>
    public override string Origin => "ptb.test.txt of Mikolov's RNNLM examples (simple-examples.tgz)";

    /// <inheritdoc/>
    public override string Licence => "LDC User Agreement (LDC99T42)";

    /// <inheritdoc/>
    protected override string Leading => WordPerplexityName;

    /// <inheritdoc/>
    protected override string Treatment =>
        "The test text of Mikolov's preparation, its tokeniser's spaces taken out as Megatron-LM does; <unk> stays as it stands.";

    /// <inheritdoc/>
    protected internal override string Detokenise(string original) => s_rules.Aggregate(original,
        (text, rule) => text.Replace(rule.Spaced, rule.Joined, StringComparison.Ordinal));
}
