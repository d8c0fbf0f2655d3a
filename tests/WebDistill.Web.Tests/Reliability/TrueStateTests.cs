using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>What is stored says what is the case, and nobody is stuck with it.</summary>
public sealed class TrueStateTests
{
    [Theory]
    [InlineData("D")]
    [InlineData("N")]
    [InlineData("B")]
    public async Task DeleteModel_ThatAQueuedRunBeginsWith_IsRefusedHoweverItsIdIsWritten(string format)
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Run trained = await product.TrainedAsync();
        Guid model = trained.StudentModelId!.Value;
        RunOptions options = StoredOptions.Of(trained).With(o => o with
        {
            Student = o.Student with { Initialisation = "checkpoint", ModelId = model.ToString(format).ToUpperInvariant() },
            Name = "second",
        });
        Run second = await product.Get<RunQueue>().EnqueueAsync(options, default);
        ConflictException refused = await Assert.ThrowsAsync<ConflictException>(() => product.Get<ModelService>().DeleteAsync(model));
        Assert.Contains("The run 'second' uses the model", refused.Message);
        await product.Get<RunCommands>().StopAsync(second.Id);
        // An id that only stands in a name is nobody's model.
        await product.Get<RunQueue>().EnqueueAsync(StoredOptions.Of(trained) with { Name = $"like {model}" }, default);
        await product.Get<ModelService>().DeleteAsync(model);
    }

    [Fact]
    public async Task FindCheckpoint_Damaged_SaysWhichFileAndWhatToDo()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Run run = await product.TrainedAsync();
        Checkpoint checkpoint = (await product.Get<RunService>().CheckpointsAsync(run.Id))[0];
        string folder = Path.Combine(product.Root, "runs", run.Id.ToString("N"), "checkpoints", $"step-{checkpoint.Step}");
        await File.WriteAllBytesAsync(Path.Combine(folder, "model.safetensors"), [1, 2, 3]);
        FilesGoneException damaged = await Assert.ThrowsAsync<FilesGoneException>(() => product.Get<ModelService>().FindAsync(checkpoint.Id));
        Assert.Matches($@"^The files of the checkpoint of update {checkpoint.Step} are gone or damaged\. step-{checkpoint.Step}/model\.safetensors has 3 bytes, "
            + @"expected \d+\. Choose another checkpoint, or delete this one\.$", damaged.Message);
        Assert.Null(await product.Get<ModelService>().FindAsync(Guid.NewGuid()));
    }

    [Fact]
    public async Task CancelDataset_ThatNothingPrepares_IsCancelledAndCanBeDeleted()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        var datasets = product.Get<DatasetService>();
        var dataset = new Dataset { Id = Guid.CreateVersion7(), Name = "d", FileName = "d.txt", Format = "text-paragraphs", JsonField = "text" };
        await product.Get<DatabaseWriter>().WriteAsync(db =>
        {
            db.Datasets.Add(dataset);
            return db.SaveChangesAsync();
        });
        await datasets.CancelAsync(dataset.Id);
        Assert.Equal(DatasetState.Cancelled, (await datasets.GetAsync(dataset.Id)).State);
        await Assert.ThrowsAsync<ConflictException>(() => datasets.CancelAsync(dataset.Id));
        await datasets.DeleteAsync(dataset.Id);
    }

    /// <summary>A database that is locked by something else when an evaluation ends: its figures are kept and saved, not computed anew.</summary>
    [Fact]
    [Trait("takes", "long")]
    public async Task EvaluationEnds_DatabaseIsLocked_FiguresAreSavedLaterAndNotMeasuredAgain()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Run run = await product.TrainedAsync();
        List<string> figures = [];
        product.Database.Saving = db =>
        {
            // The figures are times: measured again they are others.
            foreach (string figure in db.ChangeTracker.Entries<Evaluation>().Select(entry => entry.Entity.ResultJson).OfType<string>())
            {
                figures.Add(figure);
                if (figures.Count == 1)
                    throw new SqliteException("database is locked", 5);
            }
        };
        EvaluationWorker worker = product.Get<IEnumerable<IHostedService>>().OfType<EvaluationWorker>().Single();
        await worker.StartAsync(default);
        try
        {
            (Evaluation asked, _) = await product.Get<EvaluationService>().CreateAsync(
                new EvaluationRequest { ModelId = run.StudentModelId!.Value, Set = "speed" });
            await ProductServices.WaitAsync(
                async () => (await product.Get<EvaluationService>().GetAsync(asked.Id)).Status == EvaluationStatus.Completed, "completed");
            Assert.Equal([figures[0], figures[0]], figures);
        }
        finally
        {
            await worker.StopAsync(default);
        }
    }
}
