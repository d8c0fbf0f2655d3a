using WebDistill.Distillation.Data;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>How many updates a run makes and the learning rate of each.</summary>
/// <remarks>L micro-batches per epoch, A per update, E epochs; S sequences and N tokens per epoch.</remarks>
public sealed record LearningRateSchedule
{
    /// <summary>Updates that can be counted, with one more for the reference's plan.</summary>
    public const int MaxUpdates = int.MaxValue - 1;

    private readonly int _plannedUpdates;
    private readonly ScheduleOptions _options;
    private readonly RateSchedule _shape;

    private LearningRateSchedule(int updatesPerEpoch, int totalUpdates, int plannedUpdates, string endsBy, ScheduleOptions options)
    {
        (UpdatesPerEpoch, TotalUpdates, _plannedUpdates, EndsBy, _options) = (updatesPerEpoch, totalUpdates, plannedUpdates, endsBy, options);
        WarmupUpdates = (int)Math.Ceiling(plannedUpdates * options.WarmupProportion);
        _shape = RateSchedules.Find(options.Shape);
    }

    /// <summary>Updates in one epoch.</summary>
    public int UpdatesPerEpoch { get; }

    /// <summary>Updates that are really made.</summary>
    public int TotalUpdates { get; }

    /// <summary>Updates over which the rate rises.</summary>
    public int WarmupUpdates { get; }

    /// <summary>Path of the option that ends the run: its epochs, or a budget that is reached before they are over.</summary>
    public string EndsBy { get; }

    /// <summary>Plans the updates of a run.</summary>
    /// <exception cref="ArgumentException">Fewer micro-batches than one update needs, or more updates than can be counted.</exception>
    public static LearningRateSchedule Plan(RunOptions options, EpochSize epoch)
    {
        int accumulation = options.Schedule.GradientAccumulation, batches = Batches(options, epoch);
        if (batches < accumulation)
        {
            throw new ArgumentException(
                $"An epoch has {batches} micro-batches of {options.Schedule.BatchSize} sequences and one update needs {accumulation}, so "
                + "nothing would be trained. "
                + $"Set the gradient accumulation to at most {batches}, make the batches smaller, or use a larger text.");
        }
        (long planned, long made, string endsBy) = Count(options, epoch);
        if (planned > MaxUpdates)
            throw new ArgumentException($"The run would make {planned:N0} updates, expected at most {MaxUpdates:N0}. Train fewer epochs.");
        return new LearningRateSchedule(PerEpoch(options, batches), (int)made, (int)planned, endsBy, options.Schedule);
    }

    /// <summary>Share of the peak rate at update k of P, counted from 0.</summary>
    public static double ShareAt(int update, int planned, ScheduleOptions options) =>
        new LearningRateSchedule(planned, planned, planned, "", options).Factor(update);

    /// <summary>L of an epoch.</summary>
    public static int Batches(RunOptions options, EpochSize epoch) =>
        (int)(((long)epoch.Sequences + options.Schedule.BatchSize - 1) / options.Schedule.BatchSize);

    /// <summary>Updates that the rate is planned over (those that are made, or the reference's count, which is no smaller), those that are made, and what
    /// ends them. There must be enough micro-batches for one.</summary>
    public static (long Planned, long Made, string EndsBy) Count(RunOptions options, EpochSize epoch)
    {
        ScheduleOptions schedule = options.Schedule;
        int batches = Batches(options, epoch);
        long made = (long)PerEpoch(options, batches) * schedule.Epochs;
        long planned = schedule.Semantics == TrainingSemantics.HuggingFaceExact
            ? (long)((double)batches / schedule.GradientAccumulation * schedule.Epochs) + 1
            : made;
        string endsBy = OptionPath.Of(options.Schedule.Epochs);
        foreach ((long budget, string path) in new[]
        {
            (schedule.MaxUpdates > 0 ? schedule.MaxUpdates : long.MaxValue, OptionPath.Of(options.Schedule.MaxUpdates)),
            (schedule.MaxTokens > 0 ? UpdatesUntil(schedule.MaxTokens, options, epoch) : long.MaxValue, OptionPath.Of(options.Schedule.MaxTokens)),
        })
        {
            // A budget that is not reached changes nothing, not even what the reference plans beyond the updates that it makes.
            if (budget < made)
                (made, planned, endsBy) = (budget, budget, path);
        }
        return (planned, made, endsBy);
    }

    /// <summary>Tokens of the first so many updates; exact where all sequences are of one length, else by their mean length.</summary>
    public static long TokensOf(long updates, RunOptions options, EpochSize epoch)
    {
        int batches = Batches(options, epoch), perEpoch = PerEpoch(options, batches);
        (long epochs, long more) = Math.DivRem(updates, perEpoch);
        Int128 sequences = Int128.Min((Int128)more * options.Schedule.GradientAccumulation * options.Schedule.BatchSize, epoch.Sequences);
        Int128 tokens = (Int128)epochs * epoch.Tokens + sequences * epoch.Tokens / epoch.Sequences;
        return tokens > long.MaxValue ? long.MaxValue : (long)tokens;
    }

    // The first update after which so many tokens were seen. A U-th update of the reference leaves micro-batches over: they are part of the next epoch's first.
    private static long UpdatesUntil(long tokens, RunOptions options, EpochSize epoch)
    {
        int perEpoch = PerEpoch(options, Batches(options, epoch));
        (long epochs, long before) = Math.DivRem(tokens - 1, epoch.Tokens);
        Int128 perUpdate = (Int128)options.Schedule.GradientAccumulation * options.Schedule.BatchSize * epoch.Tokens;
        Int128 more = ((Int128)(before + 1) * epoch.Sequences + perUpdate - 1) / perUpdate;
        Int128 updates = (Int128)epochs * perEpoch + (more <= perEpoch ? more
            : options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact ? perEpoch + 1 : perEpoch);
        return updates > long.MaxValue ? long.MaxValue : (long)updates;
    }

    private static int PerEpoch(RunOptions options, int batches) => options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact
        ? batches / options.Schedule.GradientAccumulation
        : (int)(((long)batches + options.Schedule.GradientAccumulation - 1) / options.Schedule.GradientAccumulation);

    /// <summary>Factor of the peak rate for update k, counted from 0.</summary>
    /// <remarks>
    /// Reference, with P = int(L/A·E) + 1 and W = ceil(P·warm-up): k/W below W, then the schedule's, (P−k)/(P−W) for the linear one. Its first update has
    /// rate 0 and moves nothing. Corrected, with P the updates really made: (k+1)/(W+1) below W, then the schedule's; every update moves the weights.
    /// </remarks>
    public double Factor(int update)
    {
        if (update < WarmupUpdates)
        {
            return _options.Semantics == TrainingSemantics.HuggingFaceExact
                ? update / (double)Math.Max(1, WarmupUpdates)
                : (update + 1) / (WarmupUpdates + 1.0);
        }
        return _shape.Factor(update, WarmupUpdates, _plannedUpdates, _options);
    }
}
