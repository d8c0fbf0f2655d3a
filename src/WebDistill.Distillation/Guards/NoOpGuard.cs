using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees a run that goes through all its motions and learns nothing, or from one of its terms nothing.</summary>
/// <remarks>
/// Three ways. The student equals its teacher: every term that compares them is 0 up to rounding in the run's first updates. A term has no gradient: its mean is the same number, to seven
/// digits, through twenty updates that had other batches. Nothing moves: the gradient's norm is 0 through ten. A student with dropout is no copy of its teacher while it trains, and is
/// not seen.
/// </remarks>
public sealed class NoOpGuard : Guard
{
    private const int FirstUpdates = 3, SameUpdates = 20, StillUpdates = 10;
    private const double ZeroLoss = 1e-4, SameDigits = 1e-7, ZeroNorm = 1e-9;

    /// <inheritdoc/>
    public override string Name => "noOp";

    /// <inheritdoc/>
    public override string Title => "Nothing is learned";

    /// <inheritdoc/>
    public override string Rule => $"Every term that compares with the teacher is below {ZeroLoss.ToString(CultureInfo.InvariantCulture)} in the run's first {FirstUpdates} updates; or a term is the same number to seven digits in {SameUpdates} updates in "
        + $"a row; or the gradient's norm is 0 in {StillUpdates}.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Pause;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.NoOp;

    internal override GuardState Begin(WatchedRun run) => new State(this, run.Terms);

    private sealed class State(NoOpGuard guard, IReadOnlyList<WatchedTerm> terms) : GuardState
    {
        private readonly WatchedTerm[] _comparing = [.. terms.Where(term => term.NeedsTeacher)];
        private readonly double[] _last = [.. terms.Select(_ => double.NaN)];
        private readonly int[] _same = new int[terms.Count];
        private readonly HashSet<string> _told = [];
        private double _mostAtFirst;
        private int _first, _still;

        public override Sighting? After(StepReport report, double? seconds) => Equal(report) ?? Still(report) ?? Constant(report);

        private Sighting? Equal(StepReport report)
        {
            if (_comparing.Length == 0 || _first >= FirstUpdates || report.Step > FirstUpdates)
                return null;
            _first++;
            _mostAtFirst = Math.Max(_mostAtFirst, _comparing.Max(term => Math.Abs(report[term.Name] ?? double.PositiveInfinity)));
            if (_first < FirstUpdates || !(_mostAtFirst < ZeroLoss))
                return null;
            // Their numbers are those of rounding: that they also stay the same is the same finding.
            _told.UnionWith(_comparing.Select(term => term.Name).Append(""));
            return new Sighting(guard, report.Step, _mostAtFirst, ZeroLoss, "loss", string.Create(CultureInfo.InvariantCulture,
                $"The student equals its teacher: in the first {FirstUpdates} updates {Names(_comparing)} came to at most {_mostAtFirst:G2}, which is 0 up to rounding. There is nothing to learn from it: give the student fewer layers or other weights to begin with."));
        }

        private Sighting? Still(StepReport report)
        {
            _still = Math.Abs(report[LoopSeries.GradientNorm.Name] ?? double.NaN) < ZeroNorm ? _still + 1 : 0;
            return _still >= StillUpdates && _told.Add("") ? new Sighting(guard, report.Step, report[LoopSeries.GradientNorm.Name]!.Value, ZeroNorm, "gradient norm",
                $"The gradient was 0 in the last {StillUpdates} updates: no weight moves.") : null;
        }

        private Sighting? Constant(StepReport report)
        {
            Sighting? found = null;
            for (int i = 0; i < terms.Count; i++)
            {
                if (report[terms[i].Name] is not double value)
                    continue;
                _same[i] = Math.Abs(value - _last[i]) <= SameDigits * Math.Max(Math.Abs(value), Math.Abs(_last[i])) ? _same[i] + 1 : 1;
                _last[i] = value;
                if (_same[i] >= SameUpdates && found is null && _told.Add(terms[i].Name))
                    found = new Sighting(guard, report.Step, value, null, "loss", string.Create(CultureInfo.InvariantCulture,
                        $"The term '{terms[i].Name}' ({terms[i].Label}) was {value:G7} in each of the last {SameUpdates} updates, whatever their batches: it does not depend on the student and has no gradient."));
            }
            return found;
        }

        public override void Rearm() => _told.Clear();

        private static string Names(IEnumerable<WatchedTerm> terms) => string.Join(", ", terms.Select(term => $"'{term.Name}'"));
    }
}
