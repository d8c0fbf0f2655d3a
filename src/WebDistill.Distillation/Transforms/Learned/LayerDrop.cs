using System.Globalization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>
/// LayerDrop: while it trains, a micro-batch passes by each layer with probability p, whatever becomes of the others. Nothing is rescaled, and outside of training every layer is there. Which layers go, seed, update and
/// micro-batch decide: a run that goes on needs nothing to draw the same again.
/// </summary>
/// <remarks>One draw u for each layer, which stays where u ≥ p. All layers of a micro-batch may go; a layer that every micro-batch of an update passes by is not updated. Afterwards layers are dropped as of any model (<see cref="LayerDropping"/>).</remarks>
public sealed class LayerDrop : LearnedCompression
{
    private const Wants OfLayers = Wants.HiddenOfAllLayers | Wants.Attentions | Wants.AttentionScores | Wants.AttentionInputs;

    private static readonly StepSeries s_layers = new()
    {
        Name = "layersTrained", Title = "Layers that were trained", Label = "Layers", Unit = "mean over micro-batches", Chart = "layersTrained", Colour = 3, Format = SeriesFormat.Significant, IsSmoothed = true,
    };

    /// <inheritdoc/>
    public override string Name => "layerDrop";

    /// <inheritdoc/>
    public override string Title => "LayerDrop";

    /// <inheritdoc/>
    public override string What => "Trains a student of which layers can be dropped afterwards, as many as a use allows: each layer learns to do without its neighbours. For a training from the beginning or a long one; a short fine-tuning "
        + "with it does little.";

    /// <inheritdoc/>
    public override string Formula => "x ← x with probability p, else layer(x); p·L of L layers are passed by on average";

    /// <inheritdoc/>
    public override string Source => "Fan, Grave and Joulin 2019";

    /// <inheritdoc/>
    public override object Example => 0.2;

    /// <inheritdoc/>
    public override IReadOnlyList<StepSeries> Series => [s_layers];

    /// <inheritdoc/>
    public override bool IsOn(RunOptions options) => options.Compression.LayerDrop.Probability > 0;

    /// <summary>Which layers of a micro-batch stay.</summary>
    /// <param name="update">From 1.</param>
    /// <param name="batch">Of the update, from 0.</param>
    internal static bool[] Stays(double probability, int layers, long seed, int update, int batch)
    {
        // Apart from what seeds the dropout of the same micro-batch.
        const long OwnStream = 0x4C44;
        var random = new SeededRandom(SeededRandom.Combine(seed ^ OwnStream << 32, update, batch));
        return [.. Enumerable.Range(0, layers).Select(_ => random.NextDouble() >= probability)];
    }

    internal override OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates)
    {
        if (student.Heads == 0)
            return At("probability", $"The student is {ModelHeads.WithArticle(student.Family.Title)}, each layer of which reads what the one below it writes, in another shape; expected a transformer. Set the probability to 0, or choose one.");
        if (student.Layers < 2)
            return At("probability", $"The student has {student.Layers} layer, expected at least 2, so that one can do without another. Set the probability to 0, or choose a deeper student.");
        return losses.OfType<WholeLoss>().FirstOrDefault(loss => (loss.OfStudent & OfLayers) != 0) is WholeLoss compared
            ? At("probability", $"The loss '{compared.Label}' ({compared.Fields[0].Path}) compares layers, some of which a micro-batch passes by; expected losses on predictions or on the last states alone. Set its weight to 0, or the probability.")
            : null;
    }

    internal override BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates) => new Bound(options, student);

    private sealed class Bound(RunOptions options, TextModel student) : BoundCompression
    {
        private readonly double _probability = options.Compression.LayerDrop.Probability;
        private readonly List<int> _ofUpdate = [];
        private double _mean;

        public override IReadOnlyList<double> Values => [_mean];

        public override string Said => string.Create(CultureInfo.InvariantCulture,
            $"Each layer was trained to do without the others in a share of {_probability:0.##} of the micro-batches. The student has all of its {student.Architecture.Layers} layers: drop some of them by the transform 'layer-dropping'.");

        public override void Passing(PassingBatch batch)
        {
            if (batch.Number == 0)
                _ofUpdate.Clear();
            bool[] stays = Stays(_probability, student.Architecture.Layers, options.Seed, batch.Update, batch.Number);
            student.IsSkipped = layer => !stays[layer];
            _ofUpdate.Add(stays.Count(stay => stay));
        }

        public override void AfterUpdate(int updates) => _mean = _ofUpdate.Average();

        /// <inheritdoc/>
        public override void Dispose() => student.IsSkipped = null;
    }
}
