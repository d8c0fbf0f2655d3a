using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Jobs;
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
                db.StepRows.Add(Filled(parent.Id, step));
            foreach (int step in new[] { 0, 3, 8 })
            {
                db.Measurements.Add(new Measurement { RunId = parent.Id, Name = "measured", Step = step, Attempt = 2, Value = step + 0.5 });
                db.Samples.Add(Answered(parent.Id, step, attempt: 2));
            }
            foreach (int step in new[] { 2, 5, 9 })
                db.Diagnoses.Add(new StoredDiagnosis { RunId = parent.Id, Step = step, Attempt = 2, Json = $"{step}" });
            await db.SaveChangesAsync();
            db.CopyToBranch(parent.Id, branch.Id, 4);
            Assert.Equal(3, db.Supersede(parent.Id, 6));
            Assert.Equal(0, db.Supersede(parent.Id, 6));
            Assert.DoesNotContain(db.ChangeTracker.Entries(), entry => entry.State != EntityState.Unchanged);
        });
        List<StepRow> kept = await product.ReadAsync(db => db.StepRows.AsNoTracking().Where(m => m.RunId == parent.Id).OrderBy(m => m.Step).ToListAsync());
        List<StepRow> copied = await product.ReadAsync(db => db.StepRows.AsNoTracking().Where(m => m.RunId == branch.Id).OrderBy(m => m.Step).ToListAsync());
        List<SupersededRow> superseded = await product.ReadAsync(db => db.SupersededRows.AsNoTracking().OrderBy(m => m.Step).ToListAsync());
        List<Measurement> measured = await product.ReadAsync(db => db.Measurements.AsNoTracking().ToListAsync());
        Assert.Equal([0, 3], measured.Where(one => one.RunId == parent.Id).Select(one => one.Step).Order());
        Assert.Equal([(3, 0, 3.5)], measured.Where(one => one.RunId == branch.Id).Select(one => (one.Step, one.Attempt, one.Value)));
        Assert.Equal([(8, 2, 8.5)], (await product.ReadAsync(db => db.SupersededMeasurements.AsNoTracking().ToListAsync())).Select(one => (one.Step, one.Attempt, one.Value)));
        // What was answered before the first update is not answered again: the branch begins later.
        List<Sample> answered = await product.ReadAsync(db => db.Samples.AsNoTracking().OrderBy(sample => sample.Step).ToListAsync());
        Assert.Equivalent(new[] { 0, 3 }.Select(step => Answered(parent.Id, step, attempt: 2)), answered.Where(sample => sample.RunId == parent.Id), strict: true);
        Assert.Equivalent(new[] { 0, 3 }.Select(step => Answered(branch.Id, step, attempt: 0)), answered.Where(sample => sample.RunId == branch.Id), strict: true);
        List<StoredDiagnosis> diagnoses = await product.ReadAsync(db => db.Diagnoses.AsNoTracking().OrderBy(one => one.Step).ToListAsync());
        Assert.Equal([(2, 2, "2"), (5, 2, "5")], diagnoses.Where(one => one.RunId == parent.Id).Select(one => (one.Step, one.Attempt, one.Json)));
        Assert.Equal([(2, 0, "2")], diagnoses.Where(one => one.RunId == branch.Id).Select(one => (one.Step, one.Attempt, one.Json)));
        Assert.Equal([(9, 2, "9")], (await product.ReadAsync(db => db.SupersededDiagnoses.AsNoTracking().ToListAsync())).Select(one => (one.Step, one.Attempt, one.Json)));
        Assert.Equal([1, 2, 3, 4, 5, 6], kept.Select(metric => metric.Step));
        Assert.Equal([7, 8, 9], superseded.Select(metric => metric.Step));
        Assert.Equal([1, 2, 3, 4], copied.Select(metric => metric.Step));
        foreach (StepNumbers numbers in superseded)
            Assert.Equivalent(Values(Filled(parent.Id, numbers.Step)), Values(numbers));
        foreach (StepRow metric in copied)
        {
            StepRow expected = Filled(branch.Id, metric.Step);
            expected.Attempt = 0;
            Assert.Equivalent(Values(expected), Values(metric));
        }
    }

    private static Sample Answered(Guid run, int step, int attempt) => new()
    {
        RunId = run, Step = step, Place = 1, Attempt = attempt, Prompt = $"Prompt {step}", Teacher = "said", Student = "[\"a\"]", Ids = [1, 2], KlNats = [3], MeanKlNats = 0.25,
    };

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
    private static StepRow Filled(Guid runId, int step)
    {
        var metric = new StepRow();
        int value = 100 * step;
        foreach (System.Reflection.PropertyInfo property in typeof(StepRow).GetProperties().Where(property => property.Name is not (nameof(StepNumbers.RunId) or nameof(StepNumbers.Values))))
            property.SetValue(metric, Convert.ChangeType(++value, Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType,
                System.Globalization.CultureInfo.InvariantCulture));
        (metric.RunId, metric.Step, metric.Values) = (runId, step, [(byte)step, 7, 9]);
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
