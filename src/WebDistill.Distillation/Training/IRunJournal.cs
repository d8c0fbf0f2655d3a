using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Training;

/// <summary>
/// Whoever keeps the record of a run: a database, a list in a test. Called on the training thread, in the order of what happens; a call may wait, and what
/// it throws ends the training.
/// </summary>
public interface IRunJournal
{
    /// <summary>A sentence about the run.</summary>
    /// <param name="step">Updates done.</param>
    void Note(int step, string text, bool isWarning = false);

    /// <summary>The attempt is ready to make its first update. What was recorded of later updates than it begins at is superseded.</summary>
    void Begin(AttemptStart start);

    /// <summary>The teacher's figures on the held-out split are known.</summary>
    void TeacherMeasured(ValidationScore score);

    /// <summary>The prompts were answered: before the first update, or after one that is about to be reported.</summary>
    void Sampled(SampleSet samples);

    /// <summary>An update was made.</summary>
    void Report(StepReport report);

    /// <summary>The update that was reported last was looked at.</summary>
    void Diagnosed(Diagnosis diagnosis);

    /// <summary>Returns when everything that was reported is as safe as a file: a checkpoint follows, and one that is newer than the record would leave
    /// a gap in it.</summary>
    void Flush();

    /// <summary>Changes files, as often as it takes: a journal may wait until there is room on the disk.</summary>
    /// <param name="bytes">What is written at least.</param>
    /// <exception cref="OperationCanceledException">The attempt is to end, and the last try failed.</exception>
    T WhenTheDiskTakesIt<T>(int step, long bytes, Func<T> write);

    /// <summary>The complete checkpoints are these now, oldest first.</summary>
    void CheckpointsAre(IReadOnlyList<CheckpointManifest> complete);

    /// <summary>All updates are made, reported and saved.</summary>
    void Finish(FinishedRun run);
}

/// <summary>What an attempt is made of.</summary>
/// <param name="RecordedSteps">Updates whose record stays.</param>
/// <param name="TotalSteps">Updates of the whole run.</param>
/// <param name="TrainTokens">Tokens of the training split.</param>
/// <param name="Series">What the reports hold.</param>
/// <param name="Checkpoints">The complete ones, oldest first.</param>
public sealed record AttemptStart(
    int RecordedSteps, int TotalSteps, long TrainTokens, Architecture? Teacher, Architecture Student, RunPlan Plan, TrainingProvenance Provenance,
    IReadOnlyList<StepSeries> Series, IReadOnlyList<CheckpointManifest> Checkpoints);
