using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>A run that is stopped again and again, and goes on from the checkpoint of each stop with everything made anew.</summary>
internal static class RunInAttempts
{
    /// <summary>The end of a run, made in attempts of so many updates.</summary>
    public static (Dictionary<string, float[]> Weights, List<StepReport> Reports, string State) Make(
        RunOptions options, int every, string folderOfCheckpoints, Func<RunOptions, TextModel?, TextModel> create, Func<TextModel, Trainer> trainerOf)
    {
        var store = new CheckpointStore(folderOfCheckpoints, FileLayer.Disk);
        Action<StepReport>? each = null;
        var reports = new Journal(report => each?.Invoke(report));
        for (string? folder = null; ;)
        {
            using TextModel? saved = folder is null ? null : ModelFiles.Load(folder);
            RunOptions begun = saved is null ? options : options with { Student = options.Student with { Initialisation = CheckpointInit.InitName } };
            using TextModel student = create(begun, saved);
            using Trainer trainer = trainerOf(student);
            if (folder is not null)
                Assert.Empty(TrainingCheckpoint.Restore(folder, trainer));
            using var stop = new CancellationTokenSource();
            each = report =>
            {
                if (report.Step % every == 0)
                    stop.Cancel();
            };
            try
            {
                trainer.Run(reports, null, stop.Token);
                return (SmallModels.Weights(student), reports.Reports, JsonSerializer.Serialize(trainer.State));
            }
            catch (OperationCanceledException)
            {
                store.Save(trainer.CompletedSteps, target => TrainingCheckpoint.Write(target, trainer, ResumableRun.Tokenizer, options, ResumableRun.Provenance, FileLayer.Disk));
                folder = store.Folder(trainer.CompletedSteps);
            }
        }
    }
}
