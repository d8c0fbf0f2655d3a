using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>One rule that watches a run: what it looks for, and what helps against it.</summary>
public abstract class Guard
{
    /// <summary>Short name in camelCase, as its option is called and as it is stored with what it sees.</summary>
    public abstract string Name { get; }

    /// <summary>What it looks for, as a list of what was seen is headed.</summary>
    public abstract string Title { get; }

    /// <summary>When it speaks, with its thresholds.</summary>
    public abstract string Rule { get; }

    /// <summary>What it does under <see cref="GuardPreset.Act"/>.</summary>
    public abstract GuardResponse WhenActing { get; }

    /// <summary>What the options say of it alone.</summary>
    public abstract GuardResponse Chosen(GuardOptions options);

    /// <summary>What it does under these options: never <see cref="GuardResponse.ByPreset"/>.</summary>
    public GuardResponse Response(GuardOptions options) => Chosen(options) is not GuardResponse.ByPreset and var chosen ? chosen : options.Preset switch
    {
        GuardPreset.Off => GuardResponse.Off,
        GuardPreset.Watch => GuardResponse.Watch,
        _ => WhenActing,
    };

    /// <summary>Begins to watch a run.</summary>
    internal abstract GuardState Begin(WatchedRun run);
}

/// <summary>What a guard saw.</summary>
/// <param name="Step">The update that it is about.</param>
/// <param name="Value">The number that it looked at.</param>
/// <param name="Threshold">What the number must not pass; null where it must only be finite.</param>
/// <param name="Unit">Unit of both; empty without one.</param>
/// <param name="Text">A sentence for people.</param>
public sealed record Sighting(Guard Guard, int Step, double Value, double? Threshold, string Unit, string Text);

/// <summary>What is known of a run before its first update.</summary>
/// <param name="TotalSteps">Updates of the whole run.</param>
/// <param name="Terms">Its losses, and whether each compares the student with a teacher.</param>
/// <param name="Losses">How its total loss goes; told of an update before the guards are.</param>
internal sealed record WatchedRun(RunOptions Options, int TotalSteps, IReadOnlyList<WatchedTerm> Terms, LossLevel Losses);

/// <summary>A loss of a watched run.</summary>
internal sealed record WatchedTerm(string Name, string Label, bool NeedsTeacher);

/// <summary>A moment in the life of a run, by a clock that goes on when the loop does not.</summary>
/// <param name="Seconds">Since the latest update, or since the attempt began where it made none.</param>
/// <param name="Machine">The machine at that moment.</param>
public sealed record Moment(double Seconds, Machine Machine);

/// <summary>
/// What one guard remembers of one run: a function of the updates that it was told of and of nothing else, so that it is the same whether a run went through
/// or was cut and its updates are told again.
/// </summary>
internal abstract class GuardState
{
    /// <summary>An update was made.</summary>
    /// <param name="seconds">Since the update before it, by the clock; null where that was not measured.</param>
    public virtual Sighting? After(StepReport report, double? seconds) => null;

    /// <summary>A moment passes, whether or not there are updates.</summary>
    public virtual Sighting? At(Moment moment) => null;

    /// <summary>Speaks again of what holds, although it spoke of it before: whoever asks now was not told.</summary>
    public virtual void Rearm()
    {
    }

    /// <summary>The loop refused to make an update.</summary>
    public virtual Sighting? At(TrainingDivergedException problem) => null;
}
