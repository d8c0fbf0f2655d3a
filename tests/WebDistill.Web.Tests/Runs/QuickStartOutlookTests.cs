using WebDistill.Data;
using WebDistill.Web.Datasets;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What the page of a quick start says as a whole: one share, one time, one sentence.</summary>
public sealed class QuickStartOutlookTests
{
    private readonly Run _teacher = new() { Id = Guid.NewGuid(), Name = "Story teacher", OptionsJson = "{}", Kind = RunKind.Training, Status = RunStatus.Queued };
    private readonly Run _student = new() { Id = Guid.NewGuid(), Name = "Story student", OptionsJson = "{}", Kind = RunKind.Distillation, Status = RunStatus.Queued };
    private readonly Dataset _ready = new()
    {
        Id = Guid.NewGuid(), Name = "Small stories", FileName = "stories.txt", Format = "text-paragraphs", JsonField = "text", State = DatasetState.Ready, Documents = 120,
        VocabularySize = 1024, TrainTokens = 14_000,
    };

    [Fact]
    public void WhileTheCorpusIsWritten_ShowsNoRunAndNoTime()
    {
        _ready.State = DatasetState.Preparing;
        QuickStartOutlook outlook = Of(progress: new DatasetProgress(PreparationStage.Writing, 0.5));
        Assert.Null(outlook.Current);
        Assert.Null(outlook.Left);
        Assert.InRange(outlook.Share, 0.001, 0.05);
        Assert.Equal(["now", "", "", "", ""], outlook.Stages.Select(stage => stage.State));
    }

    [Fact]
    public void WhileTheTeacherTrains_TheTimeIsThatOfBoth()
    {
        (_teacher.Status, _teacher.Step, _teacher.TotalSteps, _teacher.TrainedSeconds) = (RunStatus.Running, 50, 100, 60);
        QuickStartOutlook outlook = Of(left: TimeSpan.FromSeconds(60));
        // The teacher takes 120 s, of which 60 are left; the student's part of the work follows.
        Assert.InRange(outlook.Left!.Value.TotalSeconds, 60 + 120 * 0.15, 60 + 120 * 0.6);
        Assert.InRange(outlook.Share, 0.3, 0.5);
        Assert.Same(_teacher, outlook.Current);
        Assert.Equal(["done", "done", "now", "", ""], outlook.Stages.Select(stage => stage.State));
    }

    [Fact]
    public void StoppedWithTheTeacher_SaysSoAndPromisesNothing()
    {
        (_teacher.Status, _teacher.Step, _teacher.TotalSteps) = (RunStatus.Stopped, 50, 100);
        _student.Status = RunStatus.Failed;
        QuickStartOutlook outlook = Of();
        Assert.True(outlook.IsHalted);
        Assert.Equal("Stopped before the student began.", outlook.Sentence);
        Assert.Equal(["done", "done", "halted", "", ""], outlook.Stages.Select(stage => stage.State));
    }

    [Fact]
    public void StoppedWhileTheStudentLearned_NamesItsUpdate()
    {
        _teacher.Status = RunStatus.Completed;
        (_student.Status, _student.Step, _student.TotalSteps) = (RunStatus.Interrupted, 7, 14);
        Assert.Equal("Cut off while the student learned, after update 7.", Of().Sentence);
    }

    [Fact]
    public void CorpusFailed_SaysWhy()
    {
        (_ready.State, _ready.Error) = (DatasetState.Failed, "The disk is full.");
        QuickStartOutlook outlook = Of();
        Assert.True(outlook.IsHalted);
        Assert.Equal("The corpus could not be written: The disk is full.", outlook.Sentence);
    }

    [Fact]
    public void Complete_LeavesTheAnswerToTheStudent()
    {
        _teacher.Status = _student.Status = RunStatus.Completed;
        _student.Step = 14;
        QuickStartOutlook outlook = Of();
        Assert.Null(outlook.Sentence);
        Assert.Equal(1, outlook.Share);
        Assert.All(outlook.Stages, stage => Assert.Equal("done", stage.State));
        Assert.Same(_student, outlook.Current);
    }

    private QuickStartOutlook Of(DatasetProgress? progress = null, TimeSpan? left = null) => QuickStartOutlook.Of(_teacher, _student, _ready, progress, left, 14_000);
}
