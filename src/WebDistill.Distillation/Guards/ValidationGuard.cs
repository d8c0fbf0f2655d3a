using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Early stopping: sees a measure that did not improve for as many measurements as the patience says.</summary>
/// <remarks>
/// A measurement is an improvement when it is below best − <see cref="GuardOptions.MinimumImprovement"/>, or above best + that of a figure of which more is better; after <see cref="GuardOptions.Patience"/> in a row that are none it speaks (as Keras' EarlyStopping
/// counts with min_delta and patience, and Hugging Face's callback with threshold and patience). With a minimum improvement of 0 their mean must also lie above the best by 0.2 % and five times their
/// noise, which is the robust deviation of their steps from one to the next, over √2: the best of a thousand noisy numbers lies three deviations below their middle, and a flat measure is the plateau's business.
/// </remarks>
public sealed class ValidationGuard : Guard
{
    private const double LeastRise = 0.002, Noises = 5;

    /// <inheritdoc/>
    public override string Name => "validation";

    /// <inheritdoc/>
    public override string Title => "The validation rises";

    /// <inheritdoc/>
    public override string Rule => "As many measurements of the chosen measure in a row as the patience says were no improvement by the minimum improvement; where that is 0, their mean is also worse than the best, by 0.2 % and five times their noise.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Stop;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Validation;

    internal override GuardState Begin(WatchedRun run) => new State(this, run.Options.Guards);

    private sealed class State(ValidationGuard guard, GuardOptions options) : GuardState
    {
        // What is better the higher it is, is looked at with the other sign.
        private readonly int _sign = LoopSeries.IsHigherBetter(options.Measure) ? -1 : 1;
        private readonly Queue<double> _since = new();
        private double _best = double.PositiveInfinity;
        private int _bestStep, _waited;
        private bool _isSeen;

        public override Sighting? After(StepReport report, double? seconds)
        {
            if (Measured(report) is not double measured)
                return null;
            double value = _sign * measured;
            // The first one is the best whatever it is.
            if (value < _best - options.MinimumImprovement || _bestStep == 0)
            {
                (_best, _bestStep, _waited, _isSeen) = (value, report.Step, 0, false);
                _since.Clear();
                return null;
            }
            _waited++;
            _since.Enqueue(value);
            if (_since.Count > options.Patience)
                _since.Dequeue();
            double threshold = options.MinimumImprovement > 0 ? _best - options.MinimumImprovement : _best + LeastRise * Math.Abs(_best) + Noises * Noise();
            // What is not a number is above every threshold.
            if (_isSeen || _waited < options.Patience || _since.Average() <= threshold)
                return null;
            _isSeen = true;
            return new Sighting(guard, report.Step, measured, _sign * threshold, options.Measure, string.Create(CultureInfo.InvariantCulture,
                $"Update {report.Step}: {options.Measure} is {measured:G5} and was no improvement {_waited} times in a row; the best was {_sign * _best:G5} after update {_bestStep}."));
        }

        // The loss on held-out data is one of texts in a run that sorts these.
        private double? Measured(StepReport report) => options.Measure == LoopSeries.TotalLoss.Name ? report.TotalLoss
            : report[options.Measure] ?? (options.Measure == LoopSeries.ValidationNatsPerToken.Name ? report[LoopSeries.ValidationNatsPerText.Name] : null);

        // A steady rise has steps that are alike; chance has not.
        private double Noise()
        {
            double[] values = [.. _since];
            double[] steps = [.. values.Skip(1).Zip(values, (next, one) => next - one)];
            double median = RobustWindow.Median([.. steps]);
            return steps.Length == 0 ? 0 : RobustWindow.DeviationToSigma * RobustWindow.Median([.. steps.Select(step => Math.Abs(step - median))]) / Math.Sqrt(2);
        }

        public override void Rearm() => _isSeen = false;
    }
}
