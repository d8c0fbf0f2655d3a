using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>How many updates a run makes and the learning rate of each.</summary>
/// <remarks>L micro-batches per epoch, A per update, E epochs.</remarks>
internal sealed record LearningRateSchedule
{
    /// <summary>Updates that can be counted, with one more for the reference's plan.</summary>
    public const int MaxUpdates = int.MaxValue - 1;

    private readonly int _plannedUpdates;
    private readonly TrainingSemantics _semantics;

    private LearningRateSchedule(
        int updatesPerEpoch, int totalUpdates, int plannedUpdates, double warmupProportion, TrainingSemantics semantics)
    {
        UpdatesPerEpoch = updatesPerEpoch;
        TotalUpdates = totalUpdates;
        _plannedUpdates = plannedUpdates;
        WarmupUpdates = (int)Math.Ceiling(plannedUpdates * warmupProportion);
        _semantics = semantics;
    }

    /// <summary>Updates in one epoch.</summary>
    public int UpdatesPerEpoch { get; }

    /// <summary>Updates that are really made.</summary>
    public int TotalUpdates { get; }

    /// <summary>Updates over which the rate rises.</summary>
    public int WarmupUpdates { get; }

    /// <summary>Plans the updates of a run.</summary>
    /// <exception cref="ArgumentException">Fewer micro-batches than one update needs, or more updates than can be counted.</exception>
    public static LearningRateSchedule Plan(RunOptions options, int batchesPerEpoch)
    {
        int accumulation = options.Schedule.GradientAccumulation;
        if (batchesPerEpoch < accumulation)
        {
            throw new ArgumentException(
                $"An epoch has {batchesPerEpoch} micro-batches of {options.Schedule.BatchSize} sequences and one update needs {accumulation}, so "
                + "nothing would be trained. "
                + $"Set the gradient accumulation to at most {batchesPerEpoch}, make the batches smaller, or use a larger text.");
        }
        bool exact = options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact;
        int perEpoch = exact ? batchesPerEpoch / accumulation : (int)(((long)batchesPerEpoch + accumulation - 1) / accumulation);
        long planned = CountUpdates(options, batchesPerEpoch);
        if (planned > MaxUpdates)
            throw new ArgumentException($"The run would make {planned:N0} updates, expected at most {MaxUpdates:N0}. Train fewer epochs.");
        return new LearningRateSchedule(perEpoch, perEpoch * options.Schedule.Epochs, (int)planned, options.Schedule.WarmupProportion, options.Schedule.Semantics);
    }

    /// <summary>Updates that the rate is planned over: those that are made, or the reference's count, which is no smaller.</summary>
    public static long CountUpdates(RunOptions options, int batchesPerEpoch)
    {
        int accumulation = options.Schedule.GradientAccumulation;
        return options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact
            ? (long)((double)batchesPerEpoch / accumulation * options.Schedule.Epochs) + 1
            : ((long)batchesPerEpoch + accumulation - 1) / accumulation * options.Schedule.Epochs;
    }

    /// <summary>Factor of the peak rate for update k, counted from 0.</summary>
    /// <remarks>
    /// Reference, with P = int(L/A·E) + 1 and W = ceil(P·warm-up): k/W below W, then (P−k)/(P−W). Its first update has rate 0 and moves
    /// nothing. Corrected, with P the updates really made: (k+1)/(W+1) below W, then (P−k)/(P−W); every update moves the weights.
    /// </remarks>
    public double Factor(int update)
    {
        if (update < WarmupUpdates)
        {
            return _semantics == TrainingSemantics.HuggingFaceExact
                ? update / (double)Math.Max(1, WarmupUpdates)
                : (update + 1) / (WarmupUpdates + 1.0);
        }
        return Math.Max(0, (_plannedUpdates - update) / (double)Math.Max(1, _plannedUpdates - WarmupUpdates));
    }
}
