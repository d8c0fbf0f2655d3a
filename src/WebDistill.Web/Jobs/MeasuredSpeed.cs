using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Training;
using WebDistill.Web.Live;

namespace WebDistill.Web.Jobs;

/// <summary>How long something takes, estimated. Seconds.</summary>
/// <param name="Seconds">At the median speed.</param>
/// <param name="LeastSeconds">At the speed that a quarter of the updates exceeded.</param>
/// <param name="MostSeconds">At the speed that three quarters of the updates exceeded.</param>
public sealed record EstimatedTime(double Seconds, double LeastSeconds, double MostSeconds)
{
    /// <summary>The same for a share of the work.</summary>
    public EstimatedTime Of(double share) => new(Seconds * share, LeastSeconds * share, MostSeconds * share);
}

/// <summary>
/// How fast this machine computes, by the updates that the latest run on its device made in its last minute: a single one says more about its moment
/// than about the machine. Floating-point operations per second: first quartile, median and third quartile.
/// </summary>
internal sealed record MeasuredSpeed(double LowerQuartile, double Median, double UpperQuartile)
{
    private const double WindowSeconds = 60;
    private const int MostUpdates = 240;

    // A time that TimeSpan can hold, with room for a sum.
    private static readonly double s_longestSeconds = TimeSpan.MaxValue.TotalSeconds / 2;

    /// <summary>Null where no run has been made on this device.</summary>
    public static async Task<MeasuredSpeed?> ReadAsync(WebDistillDb db, CancellationToken cancel)
    {
        Run? latest = await db.Runs.AsNoTracking()
            // A speed that is infinite would promise that a run takes no time.
            .Where(run => run.TokensPerSecond > 0 && run.TokensPerSecond <= double.MaxValue && run.FlopsPerToken > 0
                && run.FlopsPerToken <= double.MaxValue && run.Engine == Device.Name)
            .OrderByDescending(run => run.StartedAt)
            .FirstOrDefaultAsync(cancel);
        if (latest is null)
            return null;
        string? stored = await db.Series.Where(series => series.RunId == latest.Id).Select(series => series.Json).SingleOrDefaultAsync(cancel);
        string[] names = [.. RunSeries.Of(latest, stored).Packed.Select(series => series.Name)];
        int seconds = Array.IndexOf(names, LoopSeries.StepSeconds.Name), speed = Array.IndexOf(names, LoopSeries.TokensPerSecond.Name);
        List<byte[]> updates = await db.StepRows.Where(row => row.RunId == latest.Id && row.Attempt == latest.Attempt)
            .OrderByDescending(row => row.Step).Take(MostUpdates).Select(row => row.Values).ToListAsync(cancel);
        List<double> speeds = [];
        double passed = 0;
        foreach (byte[] update in updates.TakeWhile(_ => passed < WindowSeconds))
        {
            passed += seconds >= 0 && PackedNumbers.At(update, seconds) is double took ? took : 0;
            if (speed >= 0 && PackedNumbers.At(update, speed) is > 0 and <= double.MaxValue and double tokensPerSecond)
                speeds.Add(tokensPerSecond * latest.FlopsPerToken!.Value);
        }
        if (speeds.Count == 0)
            speeds.Add(latest.TokensPerSecond!.Value * latest.FlopsPerToken!.Value);
        speeds.Sort();
        return new MeasuredSpeed(speeds[speeds.Count / 4], speeds[speeds.Count / 2], speeds[3 * speeds.Count / 4]);
    }

    /// <summary>The updates of a run, without what its validations and checkpoints take.</summary>
    public EstimatedTime TimeOf(RunPlan plan)
    {
        double operations = plan.TotalTokens * plan.FlopsPerToken;
        return new EstimatedTime(At(Median), At(UpperQuartile), At(LowerQuartile));

        double At(double speed) => Math.Min(operations / speed, s_longestSeconds);
    }
}
