using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>
/// Magnitude pruning on a schedule: W′ = m∘W with m = 0 at the share s_t of the weights of smallest |W|, chosen every Δt updates from t₀ to t₁ while s_t rises (<see cref="CubicSparsity"/>), and held from then on.
/// Of n weights round(s·n) are 0, halves to even.
/// </summary>
/// <remarks>
/// The gradient of a weight that is 0 counts for nothing, and neither does what AdamW still has of it: after each update it is 0 again. Where weights may return, those behind the zeros are trained with the
/// whole gradient until t₁.
/// </remarks>
public sealed class MagnitudeSchedule : LearnedCompression
{
    /// <summary>Share of the weights that are 0, of either pruning.</summary>
    internal static StepSeries Pruned { get; } = new()
    {
        Name = "pruned", Title = "Weights that are 0", Label = "Zeros", Unit = "share of the layers' matrices", Chart = "pruned", Colour = 4, Format = SeriesFormat.Significant,
    };

    /// <inheritdoc/>
    public override string Name => "magnitude";

    /// <inheritdoc/>
    public override string Title => "Magnitude pruning on a cubic schedule";

    /// <inheritdoc/>
    public override string What => "Sets the smallest weights to 0, more and more of them, while the others learn to do without. The usual choice where the data are those that the model knows; it saves neither time nor space until zeros are "
        + "stored and multiplied as such.";

    /// <inheritdoc/>
    public override string Formula => "W′ = m∘W, m = 0 at the share s_t of smallest |W|; s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(t₁ − t₀))³";

    /// <inheritdoc/>
    public override string Source => "Zhu and Gupta 2017";

    /// <inheritdoc/>
    public override object Example => 0.5;

    /// <inheritdoc/>
    public override IReadOnlyList<StepSeries> Series => [Pruned];

    /// <inheritdoc/>
    public override bool Grows => true;

    /// <inheritdoc/>
    public override bool IsOn(RunOptions options) => options.Compression.Magnitude.Sparsity > 0;

    internal override OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates)
    {
        MagnitudeScheduleOptions own = options.Compression.Magnitude;
        return NotWithin("beginUpdate", own.BeginUpdate, totalUpdates) ?? NotWithin("endUpdate", own.EndUpdate, totalUpdates)
            ?? (ProblemOfSparsity(own.Scope, own.Sparsity, own.MinimumKept, student, ZeroCounts.Rounded) is string problem ? At("sparsity", problem) : null);
    }

    internal override BesideStudent Beside(RunOptions options, Architecture student)
    {
        long weights = LayerMatrix.Described(student, model => LayerMatrix.Of(model).Sum(matrix => matrix.Count));
        long behind = options.Compression.Magnitude.Regrows ? sizeof(float) * weights : 0;
        return new(0, behind + weights, behind + weights / 8);
    }

    internal override BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates) => new Bound(options.Compression.Magnitude, student, totalUpdates);

    /// <summary>Why matrices of that student cannot have so many zeros, or have none; null when they can.</summary>
    internal static string? ProblemOfSparsity(PruningScope scope, double sparsity, double minimumKept, Architecture student, Func<double, long, long> count) => LayerMatrix.Described(student, model =>
    {
        long[] counts = [.. LayerMatrix.Of(model).Select(matrix => matrix.Count)];
        if ((scope == PruningScope.EachMatrix ? counts.Sum(one => count(sparsity, one)) : count(sparsity, counts.Sum())) == 0)
            return FormattableString.Invariant($"The sparsity {sparsity} makes none of the {counts.Sum()} weights 0, expected at least one. Choose a higher one, or 0, which is off.");
        return ZeroCounts.IsTooMuch(scope, counts, one => count(sparsity, one), minimumKept)
            ? FormattableString.Invariant($"The sparsity {sparsity} leaves fewer weights than the {minimumKept} of each matrix that are to stay, in matrices as small as these. Choose a lower one.") : null;
    });

    private sealed class Bound : BoundPruning
    {
        private readonly MagnitudeScheduleOptions _own;

        private protected override CubicSparsity Schedule { get; }

        public Bound(MagnitudeScheduleOptions own, TextModel student, int totalUpdates) : base(student, "magnitude", own.Regrows, own.Scope, own.MinimumKept)
        {
            _own = own;
            Schedule = new CubicSparsity(own.InitialSparsity, own.Sparsity, own.BeginUpdate, own.EndUpdate ?? CubicSparsity.DefaultEnd(own.BeginUpdate, totalUpdates));
            AfterUpdate(0);
        }

        private protected override void Backward(HeldMatrix matrix, Tensor gradient)
        {
            if (!_own.Regrows || Updates >= Schedule.End)
                gradient.mul_(Mask(matrix));
        }

        private protected override void Change()
        {
            if (!Schedule.IsDue(Updates, _own.Interval) && !(Updates > Schedule.End && IsBehind))
                return;
            double share = Share;
            // What AdamW moved of the zeros does not count.
            Choose(_own.Regrows ? matrix => matrix.Trained : Effective, SmallestNumbers.ByMagnitude, count => ZeroCounts.Rounded(share, count), staysPruned: !_own.Regrows);
        }
    }
}
