using System.Globalization;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees an update whose total loss lies far above those before it (<see cref="LossLevel"/>).</summary>
/// <remarks>
/// Chowdhery et al. 2022 (PaLM) found that a spike does not come back when the run restarts from a checkpoint before it and meets other batches: the state and the data
/// make it together. Here the batches are those of the run, and what changes is the step size.
/// </remarks>
public sealed class SpikeGuard : Guard
{
    // As many as end a spike: then the next one is another one.
    private const int CalmUpdates = 10;

    /// <inheritdoc/>
    public override string Name => "spike";

    /// <inheritdoc/>
    public override string Title => "The loss spikes";

    /// <inheritdoc/>
    public override string Rule => $"The total loss is more than {LossLevel.Sigmas} robust standard deviations above the median of the {LossLevel.WindowUpdates} updates before it "
        + $"(a deviation counts as at least 2 % of the median and 0.2 % of the largest median so far); before update {LossLevel.LeastUpdates + 1}, the median of three "
        + "updates is twice that of the first three.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.RollBack;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Spike;

    internal override GuardState Begin(WatchedRun run) => new State(this, run.Losses);

    private sealed class State(SpikeGuard guard, LossLevel losses) : GuardState
    {
        private int _calm = CalmUpdates;

        public override Sighting? After(StepReport report, double? seconds)
        {
            bool begins = losses.StandsOut && _calm >= CalmUpdates;
            _calm = losses.StandsOut ? 0 : _calm + 1;
            return begins ? new Sighting(guard, report.Step, losses.Latest, losses.Threshold, "weighted sum", string.Create(CultureInfo.InvariantCulture,
                $"Update {report.Step}: the total loss is {losses.Latest:G4}, expected at most {losses.Threshold:G4}; the median before it is {losses.Median:G4}.")) : null;
        }

        public override void Rearm() => _calm = CalmUpdates;
    }
}
