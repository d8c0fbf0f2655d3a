using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Losses;

/// <summary>Negative log-likelihood of the next token: −ln softmax(student)[next], at temperature 1.</summary>
/// <remarks>Rows without a next token add nothing. Gradient with respect to a student logit: softmax(student)_v − [v = next].</remarks>
public sealed class CausalLanguageModel : TokenLikelihood
{
    /// <inheritdoc/>
    public override string Name => "clm";

    /// <inheritdoc/>
    public override string Title => "Causal language modelling";

    /// <inheritdoc/>
    public override string Label => "Causal LM";

    /// <inheritdoc/>
    public override string Formula => "−ln softmax(student)[next token], mean over predicted tokens";

    /// <inheritdoc/>
    public override string What => "Learns the text itself. Alone it trains a model from scratch; beside a teacher it keeps the student to what the text really says.";

    /// <inheritdoc/>
    public override string Source => "Radford et al. 2019";

    /// <inheritdoc/>
    public override string? UsualWeight => "2 (Sanh et al. 2019).";

    /// <inheritdoc/>
    public override ModelHead? Predicts => ModelHead.NextToken;
}
