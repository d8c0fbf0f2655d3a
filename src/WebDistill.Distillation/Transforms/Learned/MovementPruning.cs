using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>
/// Movement pruning: W′ = m∘W with m = 1 at the share v_t of the weights of highest score S. The gradient passes straight through the choice, ∂L/∂S = ∂L/∂W′ ∘ W, so that a score rises where its weight moves away from 0;
/// ∂L/∂W = ∂L/∂W′ ∘ m. v falls from 1 along the cubic schedule; of n weights ⌊v·n⌋ stay, and of equal scores the first ones go.
/// </summary>
/// <remarks>Scores begin at 0 and do not decay, and only their order counts: a learning rate of their own would make all of them larger or smaller and choose the same weights. Their gradients count in the norm that is clipped, as in the authors' code.</remarks>
public sealed class MovementPruning : LearnedCompression
{
    /// <inheritdoc/>
    public override string Name => "movement";

    /// <inheritdoc/>
    public override string Title => "Movement pruning";

    /// <inheritdoc/>
    public override string What => "Sets to 0 the weights that training moves towards 0, whatever their size: for a model that learns something new, as a text of another kind, and for high sparsity. Where nothing moves, the scores are noise.";

    /// <inheritdoc/>
    public override string Formula => "W′ = m∘W, m = 1 at the share v of highest S; ∂L/∂S = ∂L/∂W′ ∘ W";

    /// <inheritdoc/>
    public override string Source => "Sanh et al. 2020";

    /// <inheritdoc/>
    public override object Example => 0.5;

    /// <inheritdoc/>
    public override IReadOnlyList<StepSeries> Series => [MagnitudeSchedule.Pruned];

    /// <inheritdoc/>
    public override bool Grows => true;

    /// <inheritdoc/>
    public override bool IsOn(RunOptions options) => options.Compression.Movement.Sparsity > 0;

    internal override OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates)
    {
        MovementOptions own = options.Compression.Movement;
        if (student.Heads == 0)
            return At("sparsity", $"The student is {ModelHeads.WithArticle(student.Family.Title)}, expected a transformer. Set the sparsity to 0 and prune it by magnitude (compression.magnitude.sparsity).");
        return NotWithin("beginUpdate", own.BeginUpdate, totalUpdates) ?? NotWithin("endUpdate", own.EndUpdate, totalUpdates)
            ?? (MagnitudeSchedule.ProblemOfSparsity(own.Scope, own.Sparsity, own.MinimumKept, student, ZeroCounts.AllButFloor) is string problem ? At("sparsity", problem) : null);
    }

    internal override BesideStudent Beside(RunOptions options, Architecture student)
    {
        long weights = LayerMatrix.Described(student, model => LayerMatrix.Of(model).Sum(matrix => matrix.Count));
        return new(weights, (sizeof(float) + 1) * weights, sizeof(float) * weights + weights / 8);
    }

    internal override BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates) => new Bound(options, student, totalUpdates);

    private sealed class Bound : BoundPruning
    {
        private readonly MovementOptions _own;
        private readonly Dictionary<HeldMatrix, Parameter> _scores;

        public Bound(RunOptions options, TextModel student, int totalUpdates)
            : base(student, "movement", keepsTrained: true, options.Compression.Movement.Scope, options.Compression.Movement.MinimumKept)
        {
            _own = options.Compression.Movement;
            Schedule = new CubicSparsity(0, _own.Sparsity, _own.BeginUpdate, _own.EndUpdate ?? CubicSparsity.DefaultEnd(_own.BeginUpdate, totalUpdates));
            _scores = Matrices.ToDictionary(matrix => matrix, matrix => Trainable(() => zeros(matrix.Weight.shape, device: matrix.Weight.device)));
            Parameters = [.. Matrices.Select(matrix => new Moments(NameOf("scores", matrix), _scores[matrix], 0)
            {
                Compression = "movement",
            })];
            AfterUpdate(0);
        }

        public override IReadOnlyList<Moments> Parameters { get; }

        private protected override CubicSparsity Schedule { get; }

        private protected override void Backward(HeldMatrix matrix, Tensor gradient)
        {
            _scores[matrix].grad = gradient * matrix.Trained;
            gradient.mul_(Mask(matrix));
        }

        // The share stays what it is at the end of its rise, and the choice goes on.
        private protected override void Change()
        {
            if (!Schedule.IsDue(Updates, _own.Interval) && !(Updates > Schedule.End && ((Updates - Schedule.Begin) % _own.Interval == 0 || IsBehind)))
                return;
            double share = Share;
            Choose(matrix => _scores[matrix], SmallestNumbers.ByValue, count => ZeroCounts.AllButFloor(share, count), staysPruned: false);
        }

        /// <inheritdoc/>
        public override void Dispose()
        {
            foreach (Parameter scores in _scores.Values)
                scores.Dispose();
            base.Dispose();
        }
    }
}
