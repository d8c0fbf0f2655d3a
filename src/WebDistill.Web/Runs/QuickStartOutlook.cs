using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Runs;

/// <summary>A step of the quick start.</summary>
/// <param name="Detail">How far it is, or what came of it.</param>
/// <param name="State">"done", "now", "halted", or empty for what is still to come.</param>
public sealed record QuickStartStage(string Title, string Detail, string State);

/// <summary>Where a quick start stands as a whole: its steps, one share of the work and one time for all of them.</summary>
/// <param name="Sentence">What happens now; null when it is complete, whose answer is the student's.</param>
/// <param name="Current">The run whose figures and curves are shown; null before the first one begins.</param>
/// <param name="IsHalted">Whether nothing of it goes on by itself.</param>
public sealed record QuickStartOutlook(
    IReadOnlyList<QuickStartStage> Stages, double Share, TimeSpan? Left, string? Sentence, Run? Current, bool IsHalted)
{
    // The corpus and its vocabulary take seconds, whatever the machine; the rest is divided by the operations that a plan counts.
    private const double CorpusShare = 0.04;

    /// <summary>Where it stands.</summary>
    /// <param name="progress">What the preparation of the data set is doing; null when none is under way.</param>
    /// <param name="left">How long the run that trains still does, as far as that can be said.</param>
    /// <param name="trainTokens">Tokens of the training split.</param>
    public static QuickStartOutlook Of(Run? teacher, Run? student, Dataset? dataset, DatasetProgress? progress, TimeSpan? left, long trainTokens)
    {
        (double ofTeacher, double ofStudent) = QuickStart.Plans(trainTokens) is var (first, second)
            ? (first.TotalTokens * first.FlopsPerToken, second.TotalTokens * second.FlopsPerToken) : (0, 0);
        bool ready = dataset is null or { State: DatasetState.Ready }, broken = dataset is { State: DatasetState.Failed or DatasetState.Cancelled };
        bool taught = teacher is null or { Status: RunStatus.Completed }, complete = student is { Status: RunStatus.Completed };
        bool halted = !complete && (broken || student is null || Rests(teacher) && !taught || Rests(student));
        double share = ready ? CorpusShare + (1 - CorpusShare)
                * ((taught ? 1 : teacher!.Progress()) * ofTeacher + (student?.Progress() ?? 0) * ofStudent) / (ofTeacher + ofStudent)
            : CorpusShare * (progress?.Fraction ?? 0) / 2;
        TimeSpan? whole = left is not TimeSpan now ? null : taught ? now
            : now + (TimeSpan.FromSeconds(teacher!.TrainedSeconds) + now) * (ofStudent / ofTeacher);
        return new(StagesOf(teacher, student, dataset, progress, ready, taught, complete, halted), complete ? 1 : share, halted ? null : whole,
            complete ? null : SentenceOf(teacher, student, dataset, progress, ready, taught, halted),
            taught && student is { Step: > 0 } or { IsActive: true } ? student : teacher is { Step: > 0 } or { IsActive: true } ? teacher : null, halted);
    }

    private static bool Rests(Run? run) => run is { IsFinal: true, Status: not RunStatus.Completed } or { Status: RunStatus.Paused };

    private static QuickStartStage[] StagesOf(
        Run? teacher, Run? student, Dataset? dataset, DatasetProgress? progress, bool ready, bool taught, bool complete, bool halted)
    {
        bool writing = !ready && progress is null or { Stage: PreparationStage.Waiting or PreparationStage.Writing };
        bool distilled = complete || student is { TotalSteps: > 0 } && student.Step >= student.TotalSteps;
        string State(bool done, bool now) => done ? "done" : now ? halted ? "halted" : "now" : "";
        string phase = progress is null ? "" : $"{progress.Phase}, {Figures.Share(progress.Fraction)}";
        return
        [
            new("Write the corpus", ready ? dataset is null ? "deleted since" : Figures.Counted(dataset.Documents ?? 0, "story", "stories") : writing ? phase : "", State(ready || !writing, !ready && writing)),
            new("Train the vocabulary", ready ? dataset is null ? "" : $"{Figures.Count(dataset.VocabularySize ?? 0)} tokens" : writing ? "" : phase, State(ready, !ready && !writing)),
            new("Train the teacher", Detail(teacher), State(taught, ready && !taught)),
            new("Distil the student", Detail(student), State(distilled, taught && !distilled)),
            new("Compare both", complete && student?.Validation() is { } measured ? $"perplexity {Figures.Perplexity(measured)}" : "", State(complete, distilled && !complete)),
        ];
    }

    private static string Detail(Run? run) => run switch
    {
        null => "deleted since",
        { Status: RunStatus.Queued } => "waits",
        { IsActive: true, TotalSteps: > 0 } => Figures.Share(run.Progress()),
        { Status: RunStatus.Completed } => run.Duration() is double took ? Figures.Duration(took) : "",
        { TotalSteps: > 0 } => $"{run.Status.Word()} at {Figures.Share(run.Progress())}",
        _ => run.Status.Word(),
    };

    private static string SentenceOf(Run? teacher, Run? student, Dataset? dataset, DatasetProgress? progress, bool ready, bool taught, bool halted) =>
        dataset is { State: DatasetState.Failed or DatasetState.Cancelled } ? $"The corpus could not be written: {dataset.Error}"
        : student is null ? "The student's run was deleted since; its teacher's is still there."
        : halted && !taught ? $"{Halt(teacher!)} before the student began."
        : halted ? $"{Halt(student)} while the student learned, after update {Figures.Count(student.Step)}."
        : !ready ? $"{progress?.Phase ?? "Waits for its turn"}: stories made by rules, nothing is downloaded."
        : !taught ? teacher!.Status == RunStatus.Queued ? "The teacher waits for its turn; one run trains at a time."
            : $"The teacher learns to write stories{Measured(teacher)}."
        : student.Status == RunStatus.Queued ? "The teacher is trained; its student is next."
        : $"The student, half as deep, learns from its teacher{Measured(student)}.";

    private static string Halt(Run run) => run.Status == RunStatus.Interrupted ? "Cut off" : $"{run.Status}";

    private static string Measured(Run run) => run.Validation() is { } measured
        ? $": perplexity {Figures.Perplexity(measured)} so far{(run.Teacher() is { } teacher ? $", the teacher's is {Figures.Perplexity(teacher)}" : "")}" : "";
}
