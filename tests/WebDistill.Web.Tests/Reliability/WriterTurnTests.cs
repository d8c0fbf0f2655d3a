using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>What takes long is not done in the writer's turn, in which nobody else can write.</summary>
public sealed class WriterTurnTests
{
    [Fact]
    public async Task DeleteCheckpoint_RemovalThatTakesLong_LetsOthersWriteMeanwhile()
    {
        var disk = new SlowRemoval();
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        Run run = await product.TrainedAsync();
        int step = (await product.Get<RunService>().CheckpointsAsync(run.Id))[0].Step;
        disk.IsSlow = true;
        Task removal = product.Get<RunService>().DeleteCheckpointAsync(run.Id, step);
        await disk.Began.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await product.Get<RunService>().RenameAsync(run.Id, "renamed meanwhile").WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(removal.IsCompleted);
        // Out of sight already, though its files are still there.
        Assert.DoesNotContain(await product.Get<RunService>().CheckpointsAsync(run.Id), checkpoint => checkpoint.Step == step);
        disk.GoOn.Set();
        await removal;
        Assert.Empty(product.Under("incoming"));
    }

    [Fact]
    public async Task SupersedeAndCopy_EveryColumnOfAnUpdate_AreKeptInsideTheDatabase()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        var writer = product.Get<DatabaseWriter>();
        Run parent = await AddAsync(writer), branch = await AddAsync(writer);
        await writer.WriteAsync(async db =>
        {
            for (int step = 1; step <= 9; step++)
                db.StepMetrics.Add(Filled(parent.Id, step));
            await db.SaveChangesAsync();
            db.CopyToBranch(parent.Id, branch.Id, 4);
            Assert.Equal(3, db.Supersede(parent.Id, 6));
            Assert.Equal(0, db.Supersede(parent.Id, 6));
            Assert.DoesNotContain(db.ChangeTracker.Entries(), entry => entry.State != EntityState.Unchanged);
        });
        List<StepMetric> kept = await product.ReadAsync(db => db.StepMetrics.AsNoTracking().Where(m => m.RunId == parent.Id).OrderBy(m => m.Step).ToListAsync());
        List<StepMetric> copied = await product.ReadAsync(db => db.StepMetrics.AsNoTracking().Where(m => m.RunId == branch.Id).OrderBy(m => m.Step).ToListAsync());
        List<SupersededStep> superseded = await product.ReadAsync(db => db.SupersededSteps.AsNoTracking().OrderBy(m => m.Step).ToListAsync());
        Assert.Equal([1, 2, 3, 4, 5, 6], kept.Select(metric => metric.Step));
        Assert.Equal([7, 8, 9], superseded.Select(metric => metric.Step));
        Assert.Equal([1, 2, 3, 4], copied.Select(metric => metric.Step));
        foreach (StepNumbers numbers in superseded)
            Assert.Equivalent(Values(Filled(parent.Id, numbers.Step)), Values(numbers));
        foreach (StepMetric metric in copied)
        {
            StepMetric expected = Filled(branch.Id, metric.Step);
            expected.Attempt = 0;
            Assert.Equivalent(Values(expected), Values(metric));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    public async Task NextOfTheQueue_ManyThatCannotStart_AsksTheDatabaseOnce(int waiting)
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        var writer = product.Get<DatabaseWriter>();
        Run first = await AddAsync(writer, RunStatus.Paused);
        await writer.WriteAsync(async db =>
        {
            db.Datasets.Add(new Dataset { Id = first.Id, Name = "d", FileName = "d.txt", Format = "text-paragraphs", JsonField = "text", State = DatasetState.Ready });
            for (int i = 0; i < waiting; i++)
                db.Runs.Add(new Run
                {
                    Id = Guid.CreateVersion7(), Name = $"waits {i}", Status = RunStatus.Queued, OptionsJson = "{}", QueueOrder = i, AfterRunId = first.Id,
                    DatasetId = first.Id,
                });
            var last = new Run { Id = Guid.CreateVersion7(), Name = "can start", Status = RunStatus.Queued, OptionsJson = "{}", QueueOrder = waiting, DatasetId = first.Id };
            db.Runs.Add(last);
            await db.SaveChangesAsync();
        });
        product.Database.Commands.Clear();
        Assert.Equal("can start", (await product.Get<RunQueue>().NextAsync(default))!.Name);
        // One that finds it, and one that reads it.
        Assert.Equal(2, product.Database.Commands.Count);
    }

    private static Task<Run> AddAsync(DatabaseWriter writer, RunStatus status = RunStatus.Stopped) => writer.WriteAsync(async db =>
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "r", Status = status, OptionsJson = "{}" };
        db.Runs.Add(run);
        await db.SaveChangesAsync();
        return run;
    });

    // Every number another one; those of a double are whole, so that no rounding hides a mistake.
    private static StepMetric Filled(Guid runId, int step)
    {
        var metric = new StepMetric();
        int value = 100 * step;
        foreach (System.Reflection.PropertyInfo property in typeof(StepMetric).GetProperties().Where(property => property.Name != nameof(StepNumbers.RunId)))
            property.SetValue(metric, Convert.ChangeType(++value, Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType,
                System.Globalization.CultureInfo.InvariantCulture));
        (metric.RunId, metric.Step) = (runId, step);
        return metric;
    }

    private static Dictionary<string, object?> Values(StepNumbers numbers) =>
        typeof(StepNumbers).GetProperties().ToDictionary(property => property.Name, property => property.GetValue(numbers));

    /// <summary>A disk on which the removal of a folder takes until it is told to go on.</summary>
    private sealed class SlowRemoval : FileLayer
    {
        public volatile bool IsSlow;

        public TaskCompletionSource Began { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ManualResetEventSlim GoOn { get; } = new();

        public override void DeleteFolder(string path)
        {
            if (IsSlow)
            {
                Began.TrySetResult();
                Assert.True(GoOn.Wait(TimeSpan.FromMinutes(1)), "Nobody let the removal go on.");
            }
            base.DeleteFolder(path);
        }
    }
}
