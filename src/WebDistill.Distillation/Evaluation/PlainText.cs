namespace WebDistill.Distillation.Evaluation;

/// <summary>Any text: a file of the evaluation folder, or the held-out tokens of a data set.</summary>
public sealed class PlainText : TextPerplexity
{
    /// <inheritdoc/>
    public override string Name => "text";

    /// <inheritdoc/>
    public override string Title => "Any text";

    /// <inheritdoc/>
    public override string Purpose => "How well a text of your own is predicted: the held-out part of a data set, or a file.";

    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.AnyText;

    /// <inheritdoc/>
    protected override string Treatment => "The text as it stands; between documents of a data set stands the end-of-text token, which is "
        + "predicted too and is no byte of the text.";
}
