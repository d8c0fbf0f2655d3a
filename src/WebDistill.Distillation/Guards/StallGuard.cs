using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees that no update comes, by a clock outside the loop.</summary>
/// <remarks>
/// Between two updates may lie a measurement of the perplexity and a checkpoint: the longest time between two updates that this attempt has had counts beside the usual one, and until
/// a measurement was seen, the time that so many tokens take at the usual speed. Before the first update of an attempt, which measures the teacher, nothing is known: ten minutes.
/// </remarks>
public sealed class StallGuard : Guard
{
    private const double Usual = 10, Longest = 3, LeastSeconds = 60, SecondsAtFirst = 600;
    private const int WindowUpdates = 50;

    /// <inheritdoc/>
    public override string Name => "stall";

    /// <inheritdoc/>
    public override string Title => "No update comes";

    /// <inheritdoc/>
    public override string Rule => $"No update for the longest of {LeastSeconds} s, {Usual} times the usual duration of one and {Longest} times the longest time between two, with the time that a measurement of "
        + $"the perplexity takes on top; before the first one, for {SecondsAtFirst} s.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Watch;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Stall;

    internal override GuardState Begin(WatchedRun run) => new State(this, run.Options.Schedule.ValidationMaxTokens);

    private sealed class State(StallGuard guard, int validationTokens) : GuardState
    {
        private readonly RobustWindow _durations = new(WindowUpdates);
        private double _longest, _limit = SecondsAtFirst, _tokensPerSecond;
        private int _step;
        private bool _isSeen;

        public override Sighting? After(StepReport report, double? seconds)
        {
            (_step, _isSeen) = (report.Step, false);
            if (report[LoopSeries.StepSeconds.Name] is double own && double.IsFinite(own))
                _durations.Add(own);
            if (report[LoopSeries.TokensPerSecond.Name] is double speed and > 0 && double.IsFinite(speed))
                _tokensPerSecond = speed;
            if (seconds is not double since)
                return null;
            _longest = Math.Max(_longest, since);
            double measuring = _tokensPerSecond > 0 ? validationTokens / _tokensPerSecond : 0;
            _limit = Math.Max(LeastSeconds, Math.Max(Usual * _durations.Spread().Median, Longest * _longest)) + measuring;
            return null;
        }

        public override Sighting? At(Moment moment)
        {
            if (_isSeen || moment.Seconds <= _limit)
                return null;
            _isSeen = true;
            return new Sighting(guard, _step, moment.Seconds, _limit, "s", string.Create(CultureInfo.InvariantCulture,
                $"No update for {moment.Seconds:0} s after update {_step}, expected one within {_limit:0} s. A loop that does not come back cannot be paused or stopped: look into the server's log and at the machine."));
        }
    }
}
