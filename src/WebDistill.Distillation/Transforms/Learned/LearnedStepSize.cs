using System.Globalization;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>
/// Learned step size quantisation: W′ = s·clamp(round(W/s), Q_n, Q_p), Q_n = −2^(b−1), Q_p = 2^(b−1) − 1, with a step s per row or matrix that is trained: ∂L/∂s = g Σ ∂L/∂W′ · r, r = round(v) − v of v = W/s between Q_n and
/// Q_p, and the bound that it is beyond elsewhere; g = 1/√(n·Q_p) of the n weights of a step. ∂L/∂W = ∂L/∂W′ where v is between the bounds, else 0. s begins as 2·mean |W| / √Q_p.
/// </summary>
/// <remarks>Steps do not decay, and stay above 0. AdamW divides a gradient by its size, so that g counts in the norm that is clipped and little beyond it; the learning rate of the steps is what slows them.</remarks>
public sealed class LearnedStepSize : LearnedCompression
{
    // Below it a step would be 0 in a product, or change its sign.
    private const float LeastStep = 1e-8f;

    private static readonly StepSeries s_step = new()
    {
        Name = "stepSize", Title = "Step size", Unit = "mean over rows or matrices", Chart = "stepSize", Colour = 5, Format = SeriesFormat.Scientific,
    };

    /// <inheritdoc/>
    public override string Name => "stepSize";

    /// <inheritdoc/>
    public override string Title => "Learned step size quantisation";

    /// <inheritdoc/>
    public override string What => "Rounds the weights to multiples of steps that are learned with them: for 2 to 4 bits, where the largest weight of a row is a bad measure of the others.";

    /// <inheritdoc/>
    public override string Formula => "W′ = s·clamp(round(W/s), −2^(b−1), 2^(b−1) − 1); ∂L/∂s = 1/√(n·Q_p) Σ ∂L/∂W′·(round(v) − v, or the bound)";

    /// <inheritdoc/>
    public override string Source => "Esser et al. 2020";

    /// <inheritdoc/>
    public override object Example => 4;

    /// <inheritdoc/>
    public override IReadOnlyList<StepSeries> Series => [s_step, QuantisationAware.RoundingError];

    /// <inheritdoc/>
    public override bool IsOn(RunOptions options) => options.Compression.StepSize.Bits > 0;

    /// <summary>Q_n and Q_p.</summary>
    internal static (int Least, int Most) Bounds(int bits) => (-(1 << bits - 1), (1 << bits - 1) - 1);

    /// <summary>2·mean |W| / √Q_p of each row, or of the matrix.</summary>
    /// <param name="matrix">[outputs, inputs].</param>
    /// <returns>[outputs, 1] or [1, 1].</returns>
    internal static Tensor FirstSteps(Tensor matrix, int bits, StepScope scope) =>
        (scope == StepScope.EachRow ? matrix.abs().mean([1L], keepdim: true) : matrix.abs().mean().view(1, 1)).mul_(2 / Math.Sqrt(Bounds(bits).Most)).clamp_(min: LeastStep);

    /// <summary>W′.</summary>
    /// <param name="matrix">[outputs, inputs].</param>
    /// <param name="steps">[outputs, 1] or [1, 1].</param>
    internal static Tensor Round(Tensor matrix, Tensor steps, int bits) => (matrix / steps).round_().clamp_(Bounds(bits).Least, Bounds(bits).Most).mul_(steps);

    /// <summary>∂L/∂s, and what ∂L/∂W′ is multiplied by to be ∂L/∂W.</summary>
    /// <param name="gradient">∂L/∂W′ [outputs, inputs].</param>
    internal static (Tensor OfSteps, Tensor IsWithin) Gradients(Tensor matrix, Tensor steps, Tensor gradient, int bits)
    {
        (int least, int most) = Bounds(bits);
        Tensor scaled = matrix / steps, isWithin = scaled.ge(least).logical_and_(scaled.le(most));
        Tensor each = where(isWithin, scaled.round() - scaled, scaled.clamp(least, most)).mul_(gradient);
        double perStep = (double)matrix.numel() / steps.numel();
        return ((steps.numel() == 1 ? each.sum().view(1, 1) : each.sum(1, keepdim: true)).mul_(1 / Math.Sqrt(perStep * most)), isWithin);
    }

    internal override OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates) => null;

    internal override BesideStudent Beside(RunOptions options, Architecture student) => LayerMatrix.Described(student, model =>
    {
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(model);
        long bytes = sizeof(float) * matrices.Sum(matrix => matrix.Count);
        return new BesideStudent(options.Compression.StepSize.Scope == StepScope.EachRow ? matrices.Sum(matrix => matrix.Outputs) : matrices.Count, bytes, bytes);
    });

    internal override BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates) => new Bound(options, student);

    private sealed class Bound : BoundMatrices
    {
        private readonly StepSizeOptions _own;
        private readonly Dictionary<HeldMatrix, Parameter> _steps;

        public Bound(RunOptions options, TextModel student) : base(student, "stepSize", keepsTrained: true)
        {
            _own = options.Compression.StepSize;
            _steps = Matrices.ToDictionary(matrix => matrix, matrix => Trainable(() => FirstSteps(matrix.Matrix.Orient(matrix.Trained), _own.Bits, _own.Scope)));
            Parameters = [.. Matrices.Select(matrix => new Moments(NameOf("steps", matrix), _steps[matrix], 0)
            {
                Compression = "stepSize", RateFactor = _own.RateFactor,
            })];
            AfterUpdate(0);
        }

        public override IReadOnlyList<Moments> Parameters { get; }

        public override IReadOnlyList<double> Values => [Mean(), ErrorOfRounding()];

        public override string Said
        {
            get
            {
                long steps = _steps.Values.Sum(one => one.numel()), bytes = QuantisationAware.IntegerBytes(Count, steps, _own.Bits);
                return string.Create(CultureInfo.InvariantCulture, $"The {Count:N0} weights in the matrices of the layers stand for integers of {_own.Bits} bits with {steps:N0} learned steps: {bytes:N0} bytes as such, {4 * Count:N0} as the floats that the file holds.");
            }
        }

        private protected override void Backward(HeldMatrix matrix, Tensor gradient)
        {
            LayerMatrix own = matrix.Matrix;
            (Tensor ofSteps, Tensor isWithin) = Gradients(own.Orient(matrix.Trained), _steps[matrix].detach(), own.Orient(gradient), _own.Bits);
            _steps[matrix].grad = ofSteps;
            gradient.mul_(own.Orient(isWithin));
        }

        private protected override void Change()
        {
            foreach (Parameter steps in _steps.Values)
                steps.clamp_(min: LeastStep);
        }

        private protected override Tensor Effective(HeldMatrix matrix) => matrix.Matrix.Orient(Round(matrix.Matrix.Orient(matrix.Trained), _steps[matrix].detach(), _own.Bits));

        private double Mean()
        {
            using DisposeScope scope = NewDisposeScope();
            return _steps.Values.Sum(one => one.detach().to(ScalarType.Float64).sum().cpu().item<double>()) / _steps.Values.Sum(one => one.numel());
        }

        /// <inheritdoc/>
        public override void Dispose()
        {
            foreach (Parameter steps in _steps.Values)
                steps.Dispose();
            base.Dispose();
        }
    }
}
