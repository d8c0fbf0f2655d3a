using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Tests;
using WebDistill.Web.Datasets;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>A run under a disk that refuses for long: full, or read-only. It rests, loses nothing, and ends as if nothing had happened.</summary>
[Trait("takes", "long")]
public sealed class RefusingDiskRunTests
{
    private const int NoSpace = 28, ReadOnly = 30;

    [Theory]
    [InlineData(NoSpace)]
    [InlineData(ReadOnly)]
    public async Task RefusedFilesAndDatabase_ForLong_RestsAndEndsWithTheSameWeightsAndEachStepOnce(int errorNumber)
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn, errorNumber);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        RunOptions options = await OptionsAsync(product);
        string expected = await TrainAsync(product, options);

        Run run = await product.Get<RunQueue>().EnqueueAsync(options, default);
        Task<Run?> training = product.Get<RunLauncher>().TrainAsync(run.Id);
        await ProductServices.WaitAsync(async () => (await StatusAsync(product, run.Id)).Step > 20, "twenty updates");
        (product.Database.IsFull, product.Database.IsReadOnly) = (errorNumber == NoSpace, errorNumber == ReadOnly);
        disk.FailAt(1);
        var storage = product.Get<StorageHealth>();
        await ProductServices.WaitAsync(() => Task.FromResult(storage.Problem is not null), "a refusal");
        Assert.Equal(errorNumber == NoSpace, storage.Problem!.IsFull);
        Assert.False(training.IsCompleted);
        // It rests: no update is made while none can be recorded. That it is paused may not be recorded either: a full database takes what fits into the pages that it has.
        int step = -1;
        await ProductServices.WaitAsync(async () =>
        {
            (int before, step) = (step, (await StatusAsync(product, run.Id)).Step);
            await Task.Delay(1500);
            return step == before;
        }, "a rest");
        Assert.False(training.IsCompleted);

        (product.Database.IsFull, product.Database.IsReadOnly) = (false, false);
        disk.FailAt(int.MaxValue);
        product.Get<RunLauncher>().SignalsOf(run.Id)!.Retry();
        Run ended = (await training)!;
        Assert.Equal((RunStatus.Completed, 1), (ended.Status, ended.Attempt));
        await AssertWholeAsync(product, ended, expected);
    }

    [Theory]
    [InlineData(NoSpace)]
    [InlineData(ReadOnly)]
    public async Task RefusedUntilTheServerEnds_GoesOnAtTheNextStartWithTheSameWeightsAndEachStepOnce(int errorNumber)
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn, errorNumber);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        RunOptions options = await OptionsAsync(product);
        string expected = await TrainAsync(product, options);

        Run run = await product.Get<RunQueue>().EnqueueAsync(options, default);
        Task<Run?> training = product.Get<RunLauncher>().TrainAsync(run.Id);
        await ProductServices.WaitAsync(async () => (await StatusAsync(product, run.Id)).Step > 45, "updates after a checkpoint");
        disk.FailAt(1);
        await ProductServices.WaitAsync(async () => (await StatusAsync(product, run.Id)).Status == RunStatus.Paused, "paused");
        product.Get<Shutdown>().Begin();
        Assert.Equal(RunStatus.Interrupted, (await training)!.Status);
        disk.FailAt(int.MaxValue);

        await product.StartAgainAsync();
        Run ended = (await product.Get<RunLauncher>().TrainAsync(run.Id))!;
        Assert.Equal((RunStatus.Completed, 2), (ended.Status, ended.Attempt));
        await AssertWholeAsync(product, ended, expected);
    }

    /// <summary>Killed while it waited with its state in memory: Paused would promise that it goes on by itself, with nobody left to do it.</summary>
    [Fact]
    public async Task KilledWhilePausedByTheDisk_IsQueuedAtTheNextStart()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        RunOptions options = await OptionsAsync(product);
        Run waited = await product.Get<RunQueue>().EnqueueAsync(options, default), wished = await product.Get<RunQueue>().EnqueueAsync(options, default);
        await product.Get<DatabaseWriter>().WriteAsync(db => db.Runs.ExecuteUpdateAsync(set => set.SetProperty(run => run.Status, RunStatus.Paused)
            .SetProperty(run => run.Error, run => run.Id == waited.Id ? "The disk is full: 0 bytes are free." : null)
            .SetProperty(run => run.ErrorCause, run => run.Id == waited.Id ? RunErrorCause.Disk : null)));
        await product.StartAgainAsync();
        Assert.Equal(RunStatus.Queued, (await StatusAsync(product, waited.Id)).Status);
        Assert.Equal(RunStatus.Paused, (await StatusAsync(product, wished.Id)).Status);
    }

    /// <summary>A person's pause that the end of the server came in between: with a reason beside it, it was once taken for a wait for the
    /// disk, and the second start trained it.</summary>
    [Fact]
    public async Task KilledWhilePausing_StaysPausedAtEveryLaterStart()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Run run = await product.Get<RunQueue>().EnqueueAsync(await OptionsAsync(product), default);
        await product.Get<DatabaseWriter>().WriteAsync(db => db.Runs.ExecuteUpdateAsync(set => set.SetProperty(r => r.Status, RunStatus.Pausing)));
        for (int start = 0; start < 3; start++)
        {
            await product.StartAgainAsync();
            Run paused = await StatusAsync(product, run.Id);
            Assert.Equal((RunStatus.Paused, RunErrorCause.Other), (paused.Status, paused.ErrorCause));
        }
    }

    /// <summary>An error of the device at any call of a checkpoint: the run fails and names the last complete checkpoint, from which it goes on.</summary>
    [Fact]
    public async Task FailingDevice_AtACheckpoint_FailsWithTheLastCompleteOneNamed()
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        RunOptions options = await OptionsAsync(product);
        string expected = await TrainAsync(product, options);
        Run run = await product.Get<RunQueue>().EnqueueAsync(options, default);
        Task<Run?> training = product.Get<RunLauncher>().TrainAsync(run.Id);
        await ProductServices.WaitAsync(async () => (await StatusAsync(product, run.Id)).Step > 25, "updates after a checkpoint");
        disk.FailAt(1);
        Run failed = (await training)!;
        Assert.Equal(RunStatus.Failed, failed.Status);
        Assert.Matches(@"fails, as call \d+\. The last complete checkpoint is that of update \d+: resume from it", failed.Error);
        disk.FailAt(int.MaxValue);
        await product.Get<RunCommands>().ResumeAsync(run.Id);
        Run ended = (await product.Get<RunLauncher>().TrainAsync(run.Id))!;
        Assert.Equal(RunStatus.Completed, ended.Status);
        await AssertWholeAsync(product, ended, expected);
    }

    private static async Task<RunOptions> OptionsAsync(ProductServices product)
    {
        Dataset dataset = await product.Get<DatasetService>().CreateAsync(
            "birds", "birds.txt", new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Product.Text)), new DatasetOptions { VocabularySize = 300 });
        await ProductServices.WaitAsync(async () => (await product.Get<DatasetService>().GetAsync(dataset.Id)).State == DatasetState.Ready, "ready");
        return Product.TinyTraining(dataset.Id, epochs: 14).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 1 },
            Schedule = o.Schedule with { ValidationIntervalSteps = 0 } });
    }

    private static async Task<string> TrainAsync(ProductServices product, RunOptions options)
    {
        Run run = await product.Get<RunQueue>().EnqueueAsync(options, default);
        Run ended = (await product.Get<RunLauncher>().TrainAsync(run.Id))!;
        Assert.True(ended.Status == RunStatus.Completed, ended.Error);
        return await WeightsAsync(product, run.Id);
    }

    private static Task<string> WeightsAsync(ProductServices product, Guid run) =>
        product.ReadAsync(async db => (await db.Models.SingleAsync(model => model.RunId == run)).WeightsSha256);

    private static Task<Run> StatusAsync(ProductServices product, Guid id) =>
        product.ReadAsync(db => db.Runs.AsNoTracking().SingleAsync(run => run.Id == id));

    private static async Task AssertWholeAsync(ProductServices product, Run ended, string expectedWeights)
    {
        List<int> steps = await product.ReadAsync(db => db.StepRows.Where(row => row.RunId == ended.Id)
            .OrderBy(row => row.Step).Select(row => row.Step).ToListAsync());
        Assert.Equal(Enumerable.Range(1, ended.TotalSteps), steps);
        Assert.Equal(expectedWeights, await WeightsAsync(product, ended.Id));
        Assert.Empty(product.Under("incoming"));
    }
}
