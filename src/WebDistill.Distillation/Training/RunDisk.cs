using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>What a run keeps on the disk, by its rule of retention. Bytes.</summary>
/// <param name="CheckpointBytes">One checkpoint: weights and both moments, of the student and of what its losses and its compression train, and what compression keeps.</param>
/// <param name="CertainCheckpoints">Checkpoints that exist at the same time for certain, the one being written included.</param>
/// <param name="MostCheckpoints">As many as the rule can keep: how many fall due by the clock nobody knows before.</param>
/// <param name="ModelBytes">The model that is made at the end.</param>
public sealed record RunDisk(long CheckpointBytes, long CertainCheckpoints, long MostCheckpoints, long ModelBytes)
{
    /// <summary>Rows of the database, logs, the files' own tables.</summary>
    public const long HeadroomBytes = 100_000_000;

    /// <summary>What is needed for certain.</summary>
    public long CertainBytes => Total(CertainCheckpoints);

    /// <summary>What may be needed.</summary>
    public long MostBytes => Total(MostCheckpoints);

    /// <param name="ofLosses">Numbers that losses train beside the student.</param>
    internal static RunDisk Of(RunOptions options, Architecture student, long ofLosses, int totalUpdates)
    {
        long weights = sizeof(float) * student.ParameterCount;
        BesideStudent compression = LearnedCatalogue.Beside(options, student);
        var retention = CheckpointRetention.Of(options);
        // One falls due every so many updates, and one at the end.
        long bySteps = options.Checkpoints.IntervalSteps > 0 ? totalUpdates / options.Checkpoints.IntervalSteps : 0;
        long last = bySteps + (options.Checkpoints.IntervalSteps > 0 && totalUpdates % options.Checkpoints.IntervalSteps == 0 ? 0 : 1);
        long made = options.Checkpoints.IntervalMinutes > 0 ? totalUpdates : last;
        return new RunDisk(3 * (weights + sizeof(float) * (ofLosses + compression.Trained)) + compression.FileBytes, Kept(last), Kept(made), weights);

        long Kept(long saved)
        {
            long kept = retention.Last + (retention.Best ? 1 : 0);
            // Those of the multiples are kept of what is saved at all.
            if (retention.EverySteps > 0)
                kept += Math.Min(saved, totalUpdates / retention.EverySteps);
            // A new one is complete before an old one is removed.
            return Math.Min(saved, kept + 1);
        }
    }

    private long Total(long checkpoints)
    {
        Int128 bytes = (Int128)CheckpointBytes * checkpoints + ModelBytes + HeadroomBytes;
        return bytes > long.MaxValue ? long.MaxValue : (long)bytes;
    }
}
