using System.Collections.Concurrent;
using WebDistill.Data;

namespace WebDistill.Web.Jobs;

/// <summary>
/// How long the runs that train still take, at the speed of the last minute: the first updates are slower than the others. Known from where each run
/// stood whenever somebody asked, validations and checkpoints included, which the duration of an update leaves out.
/// </summary>
public sealed class RunPace(TimeProvider time)
{
    /// <summary>Updates of an attempt before which nothing is said.</summary>
    public const int LeastUpdates = 20;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1), Piece = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<(Guid Run, int Attempt), Samples> _seen = new();

    /// <summary>What is left; null before <see cref="LeastUpdates"/> updates of the attempt, and for a run that does not train.</summary>
    public TimeSpan? TimeLeft(Run run)
    {
        if (run.Status != RunStatus.Running)
        {
            _seen.TryRemove((run.Id, run.Attempt), out _);
            return null;
        }
        double? seconds = _seen.GetOrAdd((run.Id, run.Attempt), _ => new Samples()).Add(time.GetTimestamp(), run, time);
        int done = run.Step - run.AttemptFromStep;
        if (done < LeastUpdates)
            return null;
        double left = (seconds ?? AttemptSeconds(run) / done) * (run.TotalSteps - run.Step);
        return left >= 0 && left < TimeSpan.MaxValue.TotalSeconds / 2 ? TimeSpan.FromSeconds(left) : null;
    }

    // Two wall clocks, which somebody may have set in between: not below 0, and not above what all attempts have trained by the monotonic clock.
    private double AttemptSeconds(Run run) =>
        Math.Clamp((time.GetUtcNow().UtcDateTime - (run.AttemptStartedAt ?? run.CreatedAt)).TotalSeconds, 0, Math.Max(0, run.TrainedSeconds));

    private sealed class Samples
    {
        private readonly Queue<(long At, int Step)> _samples = new();
        private (long At, int Step)? _latest;

        /// <summary>Notes where the run stands; the median of the seconds per update of the pieces that are known, null before there is one.</summary>
        public double? Add(long now, Run run, TimeProvider time)
        {
            lock (_samples)
            {
                if (_latest is null || time.GetElapsedTime(_latest.Value.At, now) >= Piece)
                {
                    _latest = (now, run.Step);
                    _samples.Enqueue(_latest.Value);
                }
                while (time.GetElapsedTime(_samples.Peek().At, now) > Window)
                    _samples.Dequeue();
                (long At, int Step)[] known = [.. _samples];
                double[] paces = [.. known.Zip(known.Skip(1), (from, to) => to.Step > from.Step
                    ? time.GetElapsedTime(from.At, to.At).TotalSeconds / (to.Step - from.Step) : double.PositiveInfinity).Where(double.IsFinite).Order()];
                return paces.Length == 0 ? null : paces[paces.Length / 2];
            }
        }
    }
}
