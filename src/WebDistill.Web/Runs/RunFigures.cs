using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Runs;

/// <summary>What several pages derive from a run in the same way.</summary>
public static class RunFigures
{
    /// <summary>Share of the updates done, 0 to 1.</summary>
    public static double Progress(this Run run) => run.TotalSteps > 0 ? Math.Min(1, (double)run.Step / run.TotalSteps) : 0;

    /// <summary>Seconds spent training, all attempts together; pauses do not count.</summary>
    public static double? Duration(this Run run) => run.StartedAt is null ? null : run.TrainedSeconds;

    // The first updates of an attempt are slower than all others: code is compiled, caches are cold.
    private const int FirstUpdates = 20;
    private static readonly TimeSpan s_firstTime = TimeSpan.FromSeconds(10);

    /// <summary>At the mean speed of the present attempt; null after the last update, and until 20 updates or 10 seconds tell how fast it is.</summary>
    public static TimeSpan? TimeLeft(this Run run)
    {
        int made = run.Step - run.AttemptFromStep;
        if (run.Status != RunStatus.Running || made <= 0 || run.AttemptStartedAt is not DateTime started)
            return null;
        TimeSpan taken = AttemptTime(run, DateTime.UtcNow - started);
        return made < FirstUpdates && taken < s_firstTime ? null : taken * ((double)(run.TotalSteps - run.Step) / made);
    }

    // The difference of two wall clocks, which somebody may have set in between: it is not below 0, and not above the time that all
    // attempts have trained by the monotonic clock.
    private static TimeSpan AttemptTime(Run run, TimeSpan byTheWallClock)
    {
        if (!(run.TrainedSeconds < TimeSpan.MaxValue.TotalSeconds))
            return byTheWallClock;
        var trained = TimeSpan.FromSeconds(run.TrainedSeconds);
        return byTheWallClock < TimeSpan.Zero || byTheWallClock > trained ? trained : byTheWallClock;
    }

    /// <summary>The teacher's perplexity on the held-out split, with its mean loss.</summary>
    public static Perplexity? Teacher(this Run run) => Perplexity.Stored(run.TeacherPerplexity, run.TeacherNatsPerToken);

    /// <summary>The student's latest perplexity on the held-out split, with its mean loss.</summary>
    public static Perplexity? Validation(this Run run) => Perplexity.Stored(run.ValidationPerplexity, run.ValidationNatsPerToken);

    /// <summary>The perplexity of its weights on the held-out split, with its mean loss; null when it was not measured.</summary>
    public static Perplexity? Validation(this Checkpoint checkpoint) => checkpoint.Score()?.Perplexity;

    /// <summary>Relative distance of the student's perplexity from the teacher's; negative when the student is better.</summary>
    public static double? GapToTeacher(this Run run) =>
        run.Validation() is Perplexity student && run.Teacher() is Perplexity teacher ? student.RelativeTo(teacher) : null;

    /// <summary>Difference of the student's accuracy from the teacher's, as shares of the texts; positive when the student is better, null where no accuracy is measured.</summary>
    public static double? PointsToTeacher(this Run run) =>
        run.Score() is { Perplexity: null } student && run.TeacherScore() is { Perplexity: null } teacher ? student.Value - teacher.Value : null;

    /// <summary>How far the student is from the teacher, written: "+4.2 %" of a perplexity, "−1.20 points" of an accuracy; null where nothing can be compared.</summary>
    public static string? AgainstTeacher(this Run run) => run.GapToTeacher() is double gap ? Figures.Percent(gap) : run.PointsToTeacher() is double points ? Figures.Points(points) : null;

    /// <summary>What a column of the figures of some runs is called: perplexities, accuracies, or both, which are told apart in their cells and not ordered among each other.</summary>
    public static (string Title, string Hint, bool IsMixed) Column(IReadOnlyCollection<Run> runs) =>
        runs.All(run => run.ValidationAccuracy is null) ? ("Perplexity", "Of the first tokens of the held-out text. Comparable between runs of the same text and vocabulary.", false)
        : runs.All(run => run.ValidationPerplexity is null) ? ("Accuracy", "Share of the held-out texts whose class is told. Higher is better; comparable between runs of the same examples.", false)
        : ("Validation", "Perplexity of the held-out text, of which less is better, or accuracy on the held-out examples, of which more is. The two are not compared: ordered, the perplexities stand first.", true);

    /// <summary>The kind of failure that <see cref="Run.Error"/> tells of; null where it tells of none.</summary>
    public static ErrorId? FailureId(this Run run) => (run.Error, run.ErrorCause, run.Status) switch
    {
        (null, _, _) => null,
        (_, RunErrorCause.Diverged, _) => ErrorId.RunDiverged,
        (_, RunErrorCause.Disk, _) => ErrorId.RunWaitsForDisk,
        (_, RunErrorCause.Guard, _) => ErrorId.RunGuarded,
        // No failure: it was compared, and others were better.
        (_, RunErrorCause.Halving, _) => null,
        (_, _, RunStatus.Interrupted) => ErrorId.RunInterrupted,
        (_, _, RunStatus.Stopped or RunStatus.Paused) => ErrorId.RunStateUnsaved,
        _ => ErrorId.RunFailed,
    };

    /// <summary>The status inside a sentence.</summary>
    public static string Word(this RunStatus status) => status.ToString().ToLowerInvariant();

    /// <summary>Its place in the queue, from 1: "next", "2nd in the queue".</summary>
    public static string PlaceText(int place) => place == 1 ? "next" : $"{Figures.Ordinal(place)} in the queue";

    /// <summary>The checkpoint with the best validation, by the figure of the run's task, which "keep the best" keeps; null when none was measured.</summary>
    public static Checkpoint? Best(this IEnumerable<Checkpoint> checkpoints) =>
        CheckpointRetention.BestOf(checkpoints, saved => saved.Score(), saved => saved.Step);

    /// <summary>The class of the status' colour.</summary>
    public static string Class(this RunStatus status) => status.ToString().ToLowerInvariant();
}
