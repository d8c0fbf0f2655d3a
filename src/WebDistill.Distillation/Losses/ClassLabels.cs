using TorchSharp;
using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Losses;

/// <summary>Negative log-likelihood of a text's class: −ln softmax(student)[class], at temperature 1.</summary>
/// <remarks>The hard term of Hinton, Vinyals and Dean 2015. Gradient with respect to a student logit: softmax(student)_c − [c = class].</remarks>
public sealed class ClassLabels : RowLoss
{
    /// <inheritdoc/>
    public override string Name => "labels";

    /// <inheritdoc/>
    public override string Title => "Cross-entropy of the labels";

    /// <inheritdoc/>
    public override string Label => "Labels";

    /// <inheritdoc/>
    public override string Formula => "−ln softmax(student)[class], mean over texts";

    /// <inheritdoc/>
    public override string What => "Learns the classes that the texts are labelled with, for a student that sorts texts. Alone it trains a classifier; beside a teacher it keeps the student to the labels, "
        + "where the teacher is wrong.";

    /// <inheritdoc/>
    public override string Source => "Devlin et al. 2018; beside a teacher Hinton, Vinyals and Dean 2015";

    /// <inheritdoc/>
    public override string Unit => "nats/text";

    /// <inheritdoc/>
    public override string? UsualWeight => "1 alone; 0.1 beside 0.9 of the distillation cross-entropy.";

    /// <inheritdoc/>
    public override LossInputs Needs => LossInputs.StudentLogits | LossInputs.Targets;

    /// <inheritdoc/>
    public override ModelHead? Predicts => ModelHead.Classes;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Targets;

    internal override torch.Tensor Sum(LossRows rows, object? parameters) => TokenLikelihood.Sum(rows);
}
