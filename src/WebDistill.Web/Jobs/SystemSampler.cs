using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Jobs;

/// <summary>
/// Adds to an update's report, from time to time, what the process and the machine take, and how much of the machine's matrix peak the updates since the last time reached:
/// their tokens × <paramref name="flopsPerToken"/> / their seconds / <paramref name="peak"/>, without validations and checkpoints.
/// </summary>
/// <param name="flopsPerToken">Floating-point operations per trained token: the plan's.</param>
/// <param name="peak">Operations per second of a matrix product.</param>
internal sealed class SystemSampler(double flopsPerToken, double peak, SystemMeter meter, TimeProvider time)
{
    /// <summary>Shortest time between two samples.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long _sampledAt = time.GetTimestamp();
    private long? _tokensSeen;
    private double _seconds;

    /// <summary>The report, with a sample where it is time for one.</summary>
    public StepReport Add(StepReport report)
    {
        // The first update of an attempt is slower than all others, and what came before it belongs to another attempt.
        if (_tokensSeen is not long before)
        {
            _tokensSeen = report.TokensSeen;
            return report;
        }
        _seconds += report[LoopSeries.StepSeconds.Name] ?? 0;
        if (time.GetElapsedTime(_sampledAt) < Interval)
            return report;
        List<(StepSeries, double)> sample = [.. SystemSeries.Values(meter.Read())];
        if (_seconds > 0)
            sample.Add((SystemSeries.PeakShare, (report.TokensSeen - before) * flopsPerToken / _seconds / peak));
        (_sampledAt, _tokensSeen, _seconds) = (time.GetTimestamp(), report.TokensSeen, 0);
        return report.With([.. sample]);
    }
}
