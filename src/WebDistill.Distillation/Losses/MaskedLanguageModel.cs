using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Losses;

/// <summary>Negative log-likelihood of the tokens that are to be guessed: −ln softmax(student)[token], at temperature 1.</summary>
/// <remarks>
/// Rows with nothing to guess add nothing, and nothing is shifted: the label stands where its token stood. Gradient with respect to a student logit:
/// softmax(student)_v − [v = token].
/// </remarks>
public sealed class MaskedLanguageModel : TokenLikelihood
{
    /// <inheritdoc/>
    public override string Name => "mlm";

    /// <inheritdoc/>
    public override string Title => "Masked language modelling";

    /// <inheritdoc/>
    public override string Label => "Masked LM";

    /// <inheritdoc/>
    public override string Formula => "−ln softmax(student)[token], mean over the tokens to guess";

    /// <inheritdoc/>
    public override string What => "Learns to guess hidden tokens of the text from both sides, for a student that fills masked words (BERT and its like). Alone it trains one from scratch; beside a teacher "
        + "it keeps the student to what the text really says.";

    /// <inheritdoc/>
    public override string Source => "Devlin et al. 2018";

    /// <inheritdoc/>
    public override string? UsualWeight => "2 (Sanh et al. 2019).";

    /// <inheritdoc/>
    public override bool CountsTargets => true;

    /// <inheritdoc/>
    public override ModelHead? Predicts => ModelHead.MaskedToken;
}
