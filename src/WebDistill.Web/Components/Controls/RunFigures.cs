using WebDistill.Data;

namespace WebDistill.Web.Components.Controls;

/// <summary>What several pages derive from a run in the same way.</summary>
public static class RunFigures
{
    /// <summary>Share of the updates done, 0 to 1.</summary>
    public static double Progress(this Run run) => run.TotalSteps > 0 ? Math.Min(1, (double)run.Step / run.TotalSteps) : 0;

    /// <summary>Time spent training, all attempts together; pauses do not count.</summary>
    public static TimeSpan? Duration(this Run run) => run.StartedAt is null ? null : TimeSpan.FromSeconds(run.TrainedSeconds);

    /// <summary>At the mean speed of the present attempt; null before its first update and after the last.</summary>
    public static TimeSpan? TimeLeft(this Run run) =>
        run.Status == RunStatus.Running && run.Step > run.AttemptFromStep && run.AttemptStartedAt is DateTime started
            ? (DateTime.UtcNow - started) * ((double)(run.TotalSteps - run.Step) / (run.Step - run.AttemptFromStep))
            : null;

    /// <summary>Relative distance of the student's perplexity from the teacher's; negative when the student is better.</summary>
    public static double? GapToTeacher(this Run run) => run.ValidationPerplexity / run.TeacherPerplexity - 1;

    /// <summary>The class of the status' colour.</summary>
    public static string Class(this RunStatus status) => status.ToString().ToLowerInvariant();
}
