using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees a number that is infinite or not a number: the run has left the numbers, and no update brings it back.</summary>
public sealed class NonFiniteGuard : Guard
{
    /// <inheritdoc/>
    public override string Name => "nonFinite";

    /// <inheritdoc/>
    public override string Title => "A number is not finite";

    /// <inheritdoc/>
    public override string Rule => "A loss, the gradient's norm or the mean loss on the held-out text is infinite or not a number.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.RollBack;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.NonFinite;

    internal override GuardState Begin(WatchedRun run) => new State(this, run);

    private sealed class State(NonFiniteGuard guard, WatchedRun run) : GuardState
    {
        private readonly (string Name, string Title)[] _looked =
        [
            .. run.Terms.Select(term => (term.Name, $"the loss '{term.Name}' ({term.Label})")), (LoopSeries.GradientNorm.Name, "the gradient's norm"),
            (LoopSeries.ValidationNatsPerToken.Name, "the mean loss on the held-out text"),
            (LoopSeries.ValidationNatsPerText.Name, "the mean loss on the held-out examples"),
        ];

        private bool _isSeen;

        public override Sighting? After(StepReport report, double? seconds)
        {
            (string Title, double Value)? found = double.IsFinite(report.TotalLoss) ? null : ("the total loss", report.TotalLoss);
            foreach ((string name, string title) in _looked)
            {
                if (found is null && report[name] is double value && !double.IsFinite(value))
                    found = (title, value);
            }
            bool isNew = found is not null && !_isSeen;
            // A measurement is missing after most updates, which does not mean that it is finite again.
            _isSeen |= isNew;
            return isNew ? new Sighting(guard, report.Step, found!.Value.Value, null, "",
                $"Update {report.Step}: {found.Value.Title} is {NotFinite.Text(found.Value.Value)}, expected a finite number.") : null;
        }

        public override Sighting At(TrainingDivergedException problem) => new(guard, problem.Step, problem.Value, null, "",
            $"Update {problem.Step}: {problem.Term} is {NotFinite.Text(problem.Value)}, expected a finite number. The update was not made.");

        public override void Rearm() => _isSeen = false;
    }
}
