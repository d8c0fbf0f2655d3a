using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees that the updates take many times as long as they did.</summary>
/// <remarks>
/// The updates are gathered into pieces of at least 10 s. It is a collapse when the latest three pieces, half a minute, each have less than 0.3 of the median speed of
/// the pieces before them: what is shorter is over before anybody could look, and a machine that is shared halves a speed without anything being wrong.
/// </remarks>
public sealed class ThroughputGuard : Guard
{
    private const double PieceSeconds = 10, LeastShare = 0.3, ShareOfCalm = 0.6;
    private const int LatestPieces = 3, LeastPieces = 3, WindowPieces = 30;

    /// <inheritdoc/>
    public override string Name => "throughput";

    /// <inheritdoc/>
    public override string Title => "The speed collapses";

    /// <inheritdoc/>
    public override string Rule => $"For {LatestPieces} pieces of updates of at least {PieceSeconds} s in a row, fewer than {LeastShare} of the median tokens per second of the "
        + $"{WindowPieces} pieces before them.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Watch;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Throughput;

    internal override GuardState Begin(WatchedRun run) => new State(this);

    private sealed class State(ThroughputGuard guard) : GuardState
    {
        private readonly RobustWindow _before = new(WindowPieces);
        private readonly Queue<double> _latest = new();
        private double _tokens, _seconds;
        private bool _isSeen;

        public override Sighting? After(StepReport report, double? seconds)
        {
            if (report[LoopSeries.StepSeconds.Name] is not double own || report[LoopSeries.TokensPerSecond.Name] is not double speed
                || !double.IsFinite(own) || !double.IsFinite(speed))
                return null;
            (_tokens, _seconds) = (_tokens + own * speed, _seconds + own);
            if (_seconds < PieceSeconds)
                return null;
            _latest.Enqueue(_tokens / _seconds);
            (_tokens, _seconds) = (0, 0);
            if (_latest.Count <= LatestPieces)
                return null;
            _before.Add(_latest.Dequeue());
            if (_before.Count < LeastPieces)
                return null;
            double usual = _before.Spread().Median, threshold = LeastShare * usual, fastest = _latest.Max();
            bool isNew = fastest < threshold && !_isSeen;
            _isSeen = _isSeen ? _latest.Last() < ShareOfCalm * usual : isNew;
            return isNew ? new Sighting(guard, report.Step, fastest, threshold, "tokens/s", string.Create(CultureInfo.InvariantCulture,
                $"Update {report.Step}: for half a minute at most {fastest:G4} tokens per second, expected at least {threshold:G4}; the usual speed is {usual:G4}. Another program may use the machine, or its memory is swapped."))
                : null;
        }

        public override void Rearm() => _isSeen = false;
    }
}
