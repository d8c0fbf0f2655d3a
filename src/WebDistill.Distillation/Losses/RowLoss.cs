using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>What a loss over rows looks at.</summary>
[Flags]
public enum LossInputs
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Logits of the student.</summary>
    StudentLogits = 1,

    /// <summary>Logits of the teacher.</summary>
    TeacherLogits = 2,

    /// <summary>Last hidden states of the student.</summary>
    StudentHidden = 4,

    /// <summary>Last hidden states of the teacher; both models must have the same width.</summary>
    TeacherHidden = 8,

    /// <summary>The id that follows each token.</summary>
    Targets = 16,
}

/// <summary>Rows that a loss is summed over: tokens, or whole texts and their classes for a vocabulary where a student sorts those. n rows, V vocabulary, C and D widths; what the loss does not need is null.</summary>
internal sealed record LossRows
{
    /// <summary>[n, V].</summary>
    public torch.Tensor? StudentLogits { get; init; }

    /// <summary>[n, V]; receives no gradient.</summary>
    public torch.Tensor? TeacherLogits { get; init; }

    /// <summary>[n, C].</summary>
    public torch.Tensor? StudentHidden { get; init; }

    /// <summary>[n, D]; receives no gradient.</summary>
    public torch.Tensor? TeacherHidden { get; init; }

    /// <summary>int64 [n], <see cref="LogitLosses.NoTarget"/> where no token follows.</summary>
    public torch.Tensor? Targets { get; init; }

    /// <summary>Some of the rows.</summary>
    /// <param name="rows">int64, their places.</param>
    public LossRows At(torch.Tensor rows) => new()
    {
        StudentLogits = StudentLogits?.index_select(0, rows), TeacherLogits = TeacherLogits?.index_select(0, rows), StudentHidden = StudentHidden?.index_select(0, rows),
        TeacherHidden = TeacherHidden?.index_select(0, rows), Targets = Targets?.index_select(0, rows),
    };
}

/// <summary>A loss that is a sum over tokens, or over texts that are sorted into classes, of what each one's logits and last hidden state say.</summary>
/// <remarks>
/// It is summed a chunk of rows at a time, so that the logits of a whole batch never exist. The sum is composed of tensor operations, which
/// define it and give its gradient; a fused kernel may compute it instead.
/// </remarks>
public abstract class RowLoss : Loss
{
    /// <summary>What it looks at.</summary>
    public abstract LossInputs Needs { get; }

    /// <summary>Whether it is worth leaving out rows without a target, which add nothing to it: of a masked batch those are most.</summary>
    public virtual bool CountsTargets => false;

    /// <summary>Whether it looks at the teacher's logits only through their softmax at its temperature; else it compares the logits themselves.</summary>
    public virtual bool ComparesProbabilities => false;

    /// <inheritdoc/>
    public sealed override Wants OfTeacher => (Needs.HasFlag(LossInputs.TeacherLogits) ? Wants.Logits : Wants.None)
        | (Needs.HasFlag(LossInputs.TeacherHidden) ? Wants.Hidden : Wants.None);

    /// <summary>The only kind of student that has what it predicts; null for any.</summary>
    public virtual ModelHead? Predicts => null;

    /// <inheritdoc/>
    public sealed override bool IsFor(ModelHead head, ModelFamily family) => Predicts is null || Predicts == head;

    internal sealed override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) =>
        Predicts is ModelHead head && student.Head != head
        ? $"The loss '{Label}' is for a student that {ModelHeads.Does(head)}, and this one, {ModelHeads.WithArticle(student.Family.Title)}, {ModelHeads.Does(student.Head)}. "
            + $"Set its weight to 0{LossCatalogue.Predicting(student.Head) switch { RowLoss fitting => $" and give '{fitting.Label}' ({fitting.Fields[0].Path}) one", null => "" }}."
        : teacher is null || !Needs.HasFlag(LossInputs.TeacherHidden) || student.RowWidth == teacher.RowWidth ? null
        : $"The loss '{Label}' compares hidden states of equal width, and the student's is {student.RowWidth}, the teacher's {teacher.RowWidth}. "
            + "Set its weight to 0 or choose a student of the teacher's width.";

    /// <summary>Sum over the rows: a scalar, differentiable with respect to the student's tensors.</summary>
    /// <param name="parameters">As <see cref="Loss.ParametersIn"/> gives them.</param>
    internal abstract torch.Tensor Sum(LossRows rows, object? parameters);
}
