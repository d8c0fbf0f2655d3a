using System.Globalization;
using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>
/// Quantisation-aware training. Weights: W′ = s·round(W/s), a scale s = max |w| / Q per row, Q = 2^(b−1) − 1, halves to even; the gradient at W′ is that at W. Activations, where they are: what enters each product of
/// the layers is rounded to 8 bits while training, x̂ = s·(clamp(round(x/s) + z, 0, 255) − z) over a moving range that 0 is in, and the gradient passes where x is in the range.
/// </summary>
/// <remarks>
/// A range is that of the real tokens of an update, averaged over the updates: r ← m·r + (1 − m)·(least, largest). It is used from the update after its first one on, so that how an update is cut into micro-batches changes nothing.
/// Embeddings, norms, heads and what is added between the layers are not rounded. What is measured and saved has rounded weights and computes activations as floats; ranges are in checkpoints.
/// </remarks>
public sealed class QuantisationAware : LearnedCompression
{
    private const int MostActivation = 255;

    /// <summary>What rounding costs, of either method that rounds.</summary>
    internal static StepSeries RoundingError { get; } = new()
    {
        Name = "roundingError", Title = "Rounding of the weights", Label = "Rounding", Unit = "squared error, share of the squares", Chart = "roundingError", Colour = 4, Format = SeriesFormat.Scientific, CanBeLogarithmic = true,
    };

    /// <inheritdoc/>
    public override string Name => "quantisation";

    /// <inheritdoc/>
    public override string Title => "Quantisation-aware training";

    /// <inheritdoc/>
    public override string What => "Lets the student feel at every update what it loses by integers, so that it learns to do with them. For few bits, where rounding afterwards loses much; begin with a model that has learned, with a tenth of its "
        + "learning rate and itself as the teacher.";

    /// <inheritdoc/>
    public override string Formula => "W′ = s·round(W/s), s = max |w| / (2^(b−1) − 1) of a row; x̂ = s·(clamp(round(x/s) + z, 0, 255) − z); ∂x̂/∂x = 1 in the range";

    /// <inheritdoc/>
    public override string Source => "Jacob et al. 2018; Zafrir et al. 2019 (Q8BERT)";

    /// <inheritdoc/>
    public override object Example => 8;

    /// <inheritdoc/>
    public override IReadOnlyList<StepSeries> Series => [RoundingError];

    /// <inheritdoc/>
    public override bool IsOn(RunOptions options) => options.Compression.Quantisation.Bits > 0;

    internal override OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates) =>
        student.Heads == 0 && options.Compression.Quantisation.RoundsActivations
            ? At("roundsActivations", $"The student is {ModelHeads.WithArticle(student.Family.Title)}, whose gates are computed step by step, expected a transformer. Switch it off and round its weights alone, or choose a transformer.")
            : NotWithin("beginUpdate", options.Compression.Quantisation.BeginUpdate, totalUpdates);

    internal override BesideStudent Beside(RunOptions options, Architecture student) => LayerMatrix.Described(student, model =>
    {
        long bytes = sizeof(float) * LayerMatrix.Of(model).Sum(matrix => matrix.Count);
        return new BesideStudent(0, bytes, bytes + (options.Compression.Quantisation.RoundsActivations ? MovingRange.Bytes * Products(model).Count : 0));
    });

    internal override BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates) => new Bound(options.Compression.Quantisation, student);

    /// <summary>The products of the layers, by what the names of their weights begin with.</summary>
    internal static IReadOnlyList<(string Name, MatrixProduct Product)> Products(TextModel student) => [.. student.named_modules()
        .Where(one => one.module is MatrixProduct && student.BlockOf($"{one.name}.weight") is not null).Select(one => (one.name, (MatrixProduct)one.module))];

    /// <summary>What integers of so many bits take, with a scale of 32 bits for each of the rows.</summary>
    internal static long IntegerBytes(long weights, long scales, int bits) => (weights * bits + 7) / 8 + sizeof(float) * scales;

    private sealed class Bound : BoundMatrices
    {
        private readonly QuantisationOptions _own;
        private readonly IReadOnlyList<(string Name, MatrixProduct Product)> _products;
        private readonly MovingRange[] _ranges;
        private Tensor? _isToken;

        public Bound(QuantisationOptions own, TextModel student) : base(student, "quantisation", keepsTrained: true)
        {
            _own = own;
            _products = own.RoundsActivations ? Products(student) : [];
            _ranges = [.. _products.Select(_ => new MovingRange(own.RangeMomentum))];
            foreach ((int i, (_, MatrixProduct product)) in _products.Index())
                product.Entering = x => Entering(_ranges[i], x);
            AfterUpdate(0);
        }

        public override IReadOnlyList<KeptTensor> State =>
            [.. base.State, .. _products.Select((one, i) => KeptTensor.Floats($"{Group}.{Name}.range.{one.Name}", _ranges[i].Numbers))];

        public override IReadOnlyList<double> Values => [ErrorOfRounding()];

        public override bool IsComplete => Updates >= _own.BeginUpdate;

        public override string Said
        {
            get
            {
                long rows = Matrices.Sum(matrix => matrix.Matrix.Outputs), bytes = IntegerBytes(Count, rows, _own.Bits);
                return string.Create(CultureInfo.InvariantCulture, $"The {Count:N0} weights in the matrices of the layers stand for integers of {_own.Bits} bits with a scale for each of {rows:N0} rows: {bytes:N0} bytes as such, {4 * Count:N0} as the floats that the file holds.");
            }
        }

        public override void Passing(PassingBatch batch)
        {
            _isToken = batch.IsToken;
            if (batch.Number > 0)
                return;
            foreach (MovingRange range in _ranges)
                range.Forget();
        }

        private protected override void Backward(HeldMatrix matrix, Tensor gradient)
        {
            // No weight is beyond the largest one of its row: the gradient at what it is rounded to is its own.
        }

        private protected override void Change()
        {
            foreach (MovingRange range in _ranges)
                range.Move();
        }

        private protected override Tensor Effective(HeldMatrix matrix) =>
            Updates < _own.BeginUpdate ? matrix.Trained : matrix.Matrix.Orient(FakeRounding.Rows(matrix.Matrix.Orient(matrix.Trained), _own.Bits));

        private Tensor Entering(MovingRange range, Tensor x)
        {
            range.Watch(x, _isToken);
            if (!range.IsKnown || Updates < _own.BeginUpdate)
                return x;
            (double scale, double zero) = FakeRounding.OfRange(range.Numbers[0], range.Numbers[1], MostActivation);
            return FakeRounding.StraightThrough(x, scale, zero, 0, MostActivation);
        }

        /// <inheritdoc/>
        public override void Dispose()
        {
            foreach ((_, MatrixProduct product) in _products)
                product.Entering = null;
            base.Dispose();
        }
    }
}
