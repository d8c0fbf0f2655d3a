using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees a total loss that does not improve any more although the learning rate would let it.</summary>
/// <remarks>
/// Two windows of w = max(100, a tenth of the run) updates, one after the other, with medians m₁ and m₂ and robust deviations s₁ and s₂. A median of w numbers with normal
/// noise has the standard error 1.2533 s / √w. It is a plateau when an improvement of 0.2 % can be ruled out: m₁ − m₂ + 2 · error &lt; 0.002 · |m₁|. So a noisy loss says nothing, rather than
/// something that may be wrong. A fifth of a per cent: a loss that falls with the power 0.07 of the tokens (Kaplan et al. 2020) still improves by 0.7 % over the last tenth of its
/// run. Not looked at while the learning rate is below a tenth of its peak: a rate that was planned to end at 0 ends the improvement too.
/// </remarks>
public sealed class PlateauGuard : Guard
{
    private const int LeastWindow = 100;
    private const double WindowShareOfRun = 0.1, LeastImprovement = 0.002, LeastShareOfPeakRate = 0.1, MedianError = 1.2533, Errors = 2;

    /// <inheritdoc/>
    public override string Name => "plateau";

    /// <inheritdoc/>
    public override string Title => "The loss does not improve";

    /// <inheritdoc/>
    public override string Rule => $"Between one window of max({LeastWindow}, a tenth of the run) updates and the next an improvement of the median total loss by 0.2 % can be ruled out (two "
        + "standard errors), and the learning rate is at least a tenth of its peak.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Watch;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Plateau;

    internal override GuardState Begin(WatchedRun run) => new State(this, run);

    private sealed class State : GuardState
    {
        private readonly PlateauGuard _guard;
        private readonly double _peakRate;
        private readonly int _width;
        private readonly RobustWindow _window;
        private bool _isSeen;

        public State(PlateauGuard guard, WatchedRun run)
        {
            (_guard, _peakRate) = (guard, run.Options.Optimiser.LearningRate);
            _width = Math.Max(LeastWindow, (int)(WindowShareOfRun * run.TotalSteps));
            _window = new RobustWindow(2 * _width);
        }

        public override Sighting? After(StepReport report, double? seconds)
        {
            if (!double.IsFinite(report.TotalLoss))
                return null;
            _window.Add(report.TotalLoss);
            // A look sorts the window: at the end of each of its quarters is often enough.
            if (_window.Count < 2 * _width || report.Step % Math.Max(1, _width / 4) != 0
                || report[LoopSeries.LearningRate.Name] is not double rate || rate < LeastShareOfPeakRate * _peakRate)
                return null;
            ((double before, double spreadBefore), (double now, double spreadNow)) = _window.Halves();
            double error = MedianError * Math.Sqrt((spreadBefore * spreadBefore + spreadNow * spreadNow) / _width);
            double threshold = LeastImprovement * Math.Abs(before), most = before - now + Errors * error;
            bool isFlat = most < threshold, isNew = isFlat && !_isSeen;
            _isSeen = isFlat;
            return isNew ? new Sighting(_guard, report.Step, before - now, threshold, "weighted sum", string.Create(CultureInfo.InvariantCulture,
                $"Update {report.Step}: the median total loss of the last {_width} updates is {now:G5}, that of the {_width} before them {before:G5}: an improvement of {threshold:G3} can be ruled out."))
                : null;
        }

        public override void Rearm() => _isSeen = false;
    }
}
