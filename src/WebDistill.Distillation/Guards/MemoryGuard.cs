using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Guards;

/// <summary>Sees that the machine has hardly any memory left, before the system ends the process that has most of it.</summary>
/// <remarks>
/// Of the memory of the processor, a smaller limit of a control group included; caches that the system gives up count as free. A GPU's free memory says nothing: libtorch keeps what it
/// once had. Three readings in a row, because a peak of a moment is over.
/// </remarks>
public sealed class MemoryGuard : Guard
{
    private const double LeastFreeShare = 0.05, CalmFreeShare = 0.1;
    private const int Readings = 3;

    /// <inheritdoc/>
    public override string Name => "memory";

    /// <inheritdoc/>
    public override string Title => "Memory is near its limit";

    /// <inheritdoc/>
    public override string Rule => $"Less than 5 % of the machine's memory is free at {Readings} looks in a row.";

    /// <inheritdoc/>
    public override GuardResponse WhenActing => GuardResponse.Pause;

    /// <inheritdoc/>
    public override GuardResponse Chosen(GuardOptions options) => options.Memory;

    internal override GuardState Begin(WatchedRun run) => new State(this);

    private sealed class State(MemoryGuard guard) : GuardState
    {
        private int _step, _low;
        private bool _isSeen;

        public override Sighting? After(Training.StepReport report, double? seconds)
        {
            _step = report.Step;
            return null;
        }

        public override Sighting? At(Moment moment)
        {
            (long free, long total) = (moment.Machine.FreeMemoryBytes, moment.Machine.MemoryBytes);
            _low = free < LeastFreeShare * total ? _low + 1 : 0;
            _isSeen &= free < CalmFreeShare * total;
            if (_isSeen || _low < Readings)
                return null;
            _isSeen = true;
            double threshold = Math.Round(LeastFreeShare * total);
            return new Sighting(guard, _step, free, threshold, "bytes", $"{Machine.BytesInWords(free)} of the {Machine.BytesInWords(total)} of memory{(moment.Machine.IsLimitedByGroup ? " (the limit of its control group)" : "")} "
                + $"are free, expected at least {Machine.BytesInWords((long)threshold)}: the system may end the server. Make the batches smaller, or let other work on this machine end.");
        }

        public override void Rearm() => _isSeen = false;
    }
}
