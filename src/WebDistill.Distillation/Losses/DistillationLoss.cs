using TorchSharp;
using WebDistill.Distillation.Kernels;

namespace WebDistill.Distillation.Losses;

/// <summary>What a loss looks at.</summary>
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

/// <summary>What the tokens of an update offer to its losses.</summary>
/// <param name="Rows">Tokens that are not padding.</param>
/// <param name="Targets">Tokens that another one follows in their sequence.</param>
public readonly record struct LossCounts(long Rows, long Targets)
{
    /// <summary>Counts of two batches together.</summary>
    public static LossCounts operator +(LossCounts left, LossCounts right) => new(left.Rows + right.Rows, left.Targets + right.Targets);
}

/// <summary>Rows of tokens that a loss is summed over. n rows, V vocabulary, C and D widths; what the loss does not need is null.</summary>
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
}

/// <summary>One term of the objective: weight · (sum over rows) / divisor.</summary>
/// <remarks>
/// The sum is composed of tensor operations, which define it and give its gradient; an engine may compute it by a fused kernel instead.
/// </remarks>
public abstract class DistillationLoss
{
    /// <summary>Short name, as used in messages and charts.</summary>
    public abstract string Name { get; }

    /// <summary>What it is called in the literature.</summary>
    public abstract string Title { get; }

    /// <summary>Formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>Unit of its mean.</summary>
    public abstract string Unit { get; }

    /// <summary>What it looks at.</summary>
    public abstract LossInputs Needs { get; }

    /// <summary>Whether it compares the student with a teacher.</summary>
    public bool NeedsTeacher => (Needs & (LossInputs.TeacherLogits | LossInputs.TeacherHidden)) != 0;

    /// <summary>Its weight in the objective.</summary>
    public abstract double Weight(DistillationOptions options);

    /// <summary>What its sum is divided by to give the mean that is charted; 0 if there is nothing to average.</summary>
    public abstract double Divisor(LossCounts counts, DistillationOptions options, int vocabularySize);

    /// <summary>A copy of the report with this loss's mean filled in.</summary>
    public abstract StepReport Record(StepReport report, double mean);

    /// <summary>Sum over the rows: a scalar, differentiable with respect to the student's tensors.</summary>
    internal abstract torch.Tensor Sum(LossRows rows, double temperature);
}
