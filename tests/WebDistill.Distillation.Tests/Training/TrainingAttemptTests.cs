using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>A run from files to a student, with no database anywhere.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class TrainingAttemptTests : IDisposable
{
    private static readonly Machine s_machine = new() { MemoryBytes = 1L << 33, FreeMemoryBytes = 1L << 33, FreeDiskBytes = 1L << 40 };

    private readonly TemporaryFolder _folder = new();
    private readonly RunOptions _options = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 1, ValidationIntervalSteps = 5 },
        Checkpoints = ResumableRun.Options.Checkpoints with { IntervalSteps = 4 } };

    public TrainingAttemptTests()
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["one two three"], 258);
        Directory.CreateDirectory(_folder.File("corpus"));
        tokenizer.Save(_folder.File("corpus"), FileLayer.Disk);
        SmallModels.Tokens(_folder, documents: 60, name: "train.tokens").Dispose();
        SmallModels.Tokens(_folder, documents: 20, name: "validation.tokens").Dispose();
        using TextModel teacher = SmallModels.Random(1);
        ModelFiles.Save(teacher, _folder.File("teacher"), FileLayer.Disk);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Execute_FromFiles_TellsOfEverythingInOrderAndEndsWithAStudent()
    {
        var journal = new Journal(whenFinished: run => run.Save(_folder.File("student"), FileLayer.Disk));
        Attempt("run", journal).Execute(CancellationToken.None);

        Assert.Equal((0, 1), (journal.Start!.RecordedSteps, journal.Start.Student.Layers));
        Assert.Equal(journal.Start.TotalSteps, journal.Reports.Count);
        Assert.NotNull(journal.Teacher);
        Assert.Equal(journal.Start.TotalSteps, journal.Finished!.Steps);
        Assert.Equal(journal.Start.TotalSteps, journal.Checkpoints[^1].Step);
        Assert.Contains(journal.Notes, note => note.StartsWith("Checkpoint saved after update 4.", StringComparison.Ordinal));
        Assert.Equal(journal.Finished.WeightsSha256, ModelFiles.Inspect(_folder.File("student")).WeightsSha256);
    }

    [Fact]
    public void Execute_CutAndAttemptedAgain_EndsAsOneThatWasNot()
    {
        var whole = new Journal();
        Attempt("whole", whole).Execute(CancellationToken.None);

        using var stop = new CancellationTokenSource();
        var first = new Journal(report =>
        {
            if (report.Step == 6)
                stop.Cancel();
        });
        TrainingAttempt cut = Attempt("cut", first);
        Assert.ThrowsAny<OperationCanceledException>(() => cut.Execute(stop.Token));
        Assert.True(cut.IsSaved);
        Assert.Equal(6, first.Checkpoints[^1].Step);

        var second = new Journal();
        Attempt("cut", second, recorded: 6).Execute(CancellationToken.None);
        Assert.Equal(6, second.Start!.RecordedSteps);
        Assert.Contains("Goes on from the checkpoint of update 6.", second.Notes);
        Assert.Equal(whole.Reports.Select(Journal.Timeless), first.Reports.Concat(second.Reports).Select(Journal.Timeless));
        Assert.Equal(whole.Finished!.WeightsSha256, second.Finished!.WeightsSha256);
    }

    [Fact]
    public void Execute_TeacherExchangedMeanwhile_IsRefusedWithBothHashes()
    {
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Attempt("run", new Journal(_ => stop.Cancel())).Execute(stop.Token));
        using (TextModel other = SmallModels.Random(9))
            ModelFiles.Save(other, _folder.File("teacher"), FileLayer.Disk);
        Assert.Contains("teacher's weights changed", Assert.Throws<InvalidDataException>(
            () => Attempt("run", new Journal()).Execute(CancellationToken.None)).Message);
    }

    [Fact]
    public void Execute_NoRoomInMemory_MakesRoomOnceAndThenSaysWhatItNeeds()
    {
        int made = 0;
        var room = new AttemptRoom(() => s_machine with { FreeMemoryBytes = 1000 }, () => made++);
        var attempt = new TrainingAttempt(_options, Files("run"), room, new Journal(), "test");
        Assert.Contains("It needs", Assert.Throws<InvalidDataException>(() => attempt.Execute(CancellationToken.None)).Message);
        Assert.Equal(1, made);
    }

    private TrainingAttempt Attempt(string run, Journal journal, int recorded = 0) =>
        new(_options, Files(run), new AttemptRoom(() => s_machine, () => { }), journal, "test", recordedSteps: recorded);

    private AttemptFiles Files(string run) => new(
        _folder.File("train.tokens"), _folder.File("validation.tokens"), _folder.File("corpus"), _folder.File("teacher"), null,
        new CheckpointStore(_folder.File(run), FileLayer.Disk), FileLayer.Disk);
}
