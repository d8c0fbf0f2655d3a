using System.Data.Common;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>Failures are told plainly, cost nothing that is saved, and end neither the queue nor the server.</summary>
[Trait("takes", "long")]
public sealed class FailureTests
{
    [Fact]
    public async Task Diverged_NamesStepTermAndLastGoodCheckpointAndTheQueueGoesOn()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        // The square of the logits' scale overflows float32 after some updates of such a rate.
        Guid doomed = await app.StartAsync(Product.TinyTraining(dataset, epochs: 400) with
        {
            LearningRate = 10, WarmupProportion = 0, MaxGradientNorm = 1e30, WeightDecay = 10, CheckpointIntervalSteps = 1, ValidationIntervalSteps = 0,
        });
        Guid next = await app.StartAsync(Product.TinyTraining(dataset));
        JsonElement failed = await app.EndOfRunAsync(doomed);
        Assert.Equal("Failed", failed.GetProperty("status").GetString());
        string error = failed.GetProperty("error").GetString()!;
        Assert.Matches(@"^Update \d+: (the gradient's norm|the loss 'clm'.*) is (NaN|Infinity|-Infinity)", error);
        int good = (await app.GetAsync($"/api/runs/{doomed}/checkpoints")).EnumerateArray().Last().GetProperty("step").GetInt32();
        Assert.Contains($"The last complete checkpoint is that of update {good}", error);
        Assert.Contains("branch", error);
        Assert.Equal("Completed", (await app.EndOfRunAsync(next)).GetProperty("status").GetString());
        JsonElement line = (await app.GetAsync($"/api/runs/{doomed}/log")).EnumerateArray().Last();
        Assert.Equal("Error", line.GetProperty("severity").GetString());
    }

    [Theory]
    [InlineData("teacher", "The teacher's weights changed")]
    [InlineData("corpus", "The training split changed")]
    [InlineData("dataset row", "Its data set was deleted")]
    [InlineData("all checkpoints", "begins anew")]
    [InlineData("newest checkpoint", "is damaged and passed over")]
    public async Task Resume_SomethingChangedMeanwhile_IsSaidAndNothingElseBreaks(string what, string message)
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid teacher = await app.StartAsync(Product.TinyTraining(dataset));
        await app.EndOfRunAsync(teacher);
        Guid id = await app.StartAsync(new RunOptions
        {
            TeacherId = teacher.ToString(), DatasetId = dataset.ToString(), StudentLayerCount = 1, Epochs = 200, BatchSize = 8,
            CheckpointIntervalSteps = 10, Dropout = 0, KeepBestCheckpoint = false, ValidationIntervalSteps = 0,
        });
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > 30);
        (await app.Http.PostAsync($"/api/runs/{id}/stop", null)).EnsureSuccessStatusCode();
        int stopped = (await app.EndOfRunAsync(id)).GetProperty("step").GetInt32();
        string[] checkpoints = [.. Directory.GetDirectories(Path.Combine(app.Root, "runs", id.ToString("N"), "checkpoints"))
            .OrderBy(path => int.Parse(Path.GetFileName(path)["step-".Length..].Split('.')[0], System.Globalization.CultureInfo.InvariantCulture))];
        switch (what)
        {
            case "teacher":
                Damage(Path.Combine(app.Root, "models", teacher.ToString("N"), "model.safetensors"));
                break;
            case "corpus":
                Damage(Directory.GetFiles(Path.Combine(app.Root, "datasets", dataset.ToString("N")), "*train*").Single(), at: 100);
                break;
            case "dataset row":
                Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/datasets/{dataset}")).StatusCode);
                break;
            case "all checkpoints":
                foreach (string checkpoint in checkpoints)
                    Damage(Path.Combine(checkpoint, "optimizer.safetensors"));
                break;
            case "newest checkpoint":
                Damage(Path.Combine(checkpoints[^1], "model.safetensors"));
                break;
        }
        (await app.Http.PostAsync($"/api/runs/{id}/resume", null)).EnsureSuccessStatusCode();
        bool goesOn = what.EndsWith("checkpoint", StringComparison.Ordinal) || what.EndsWith("checkpoints", StringComparison.Ordinal);
        JsonElement run = await app.PollAsync($"/api/runs/{id}", r => r.GetProperty("status").GetString() == (goesOn ? "Running" : "Failed")
            && (!goesOn || r.GetProperty("step").GetInt32() > stopped));
        string log = (await app.GetAsync($"/api/runs/{id}/log")).ToString();
        Assert.Contains(message, JsonSerializer.Deserialize<JsonElement>(log).EnumerateArray()
            .Select(line => line.GetProperty("text").GetString()!).Single(text => text.Contains(message, StringComparison.Ordinal)));
        if (goesOn)
        {
            await app.Http.PostAsync($"/api/runs/{id}/stop", null);
            await app.EndOfRunAsync(id);
            int[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps")).EnumerateArray().Select(step => step.GetProperty("step").GetInt32())];
            Assert.Equal(Enumerable.Range(1, steps.Length), steps);
        }
        else
        {
            Assert.Contains(message, run.GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task DiskFull_AtACheckpoint_PausesLosesNothingAndGoesOnWhenThereIsRoom()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        RunOptions options;
        await using (var app = new WebDistillApp(root.FullName))
            // Without dropout: its stream belongs to the process, in which other tests train as well.
            options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 3) with { CheckpointIntervalSteps = 20 };
        string[] weights = new string[2];
        for (int round = 0; round < 2; round++)
        {
            var files = new FullDisk();
            await using ServiceProvider services = Training(root.FullName, files);
            Run run = await services.GetRequiredService<RunQueue>().EnqueueAsync(options, default);
            files.IsFull = round == 1;
            Task<Run?> training = services.GetRequiredService<RunLauncher>().TrainAsync(run.Id);
            if (files.IsFull)
            {
                Run paused = await WaitAsync(services, run.Id, r => r.Status == RunStatus.Paused);
                Assert.Matches(@"^The disk is full: a checkpoint needs [\d,]+ bytes and [\d,]+ are free", paused.Error);
                Assert.Equal(20, paused.Step);
                Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(root.FullName, "runs", run.Id.ToString("N"), "checkpoints")));
                // Asked to go on while there is still no room, it pauses again.
                services.GetRequiredService<RunLauncher>().SignalsOf(run.Id)!.Retry();
                await Task.Delay(300);
                await WaitAsync(services, run.Id, r => r.Status == RunStatus.Paused);
                files.IsFull = false;
                services.GetRequiredService<RunLauncher>().SignalsOf(run.Id)!.Retry();
            }
            Run ended = (await training)!;
            Assert.Equal((RunStatus.Completed, 1), (ended.Status, ended.Attempt));
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            weights[round] = (await db.Models.SingleAsync(model => model.RunId == run.Id)).WeightsSha256;
        }
        Assert.Equal(weights[0], weights[1]);
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task DiskFull_AndStopped_EndsWithTheLastCompleteCheckpoint()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        RunOptions options;
        await using (var app = new WebDistillApp(root.FullName))
            options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 3) with { CheckpointIntervalSteps = 20 };
        var files = new FullDisk();
        await using (ServiceProvider services = Training(root.FullName, files))
        {
            Run run = await services.GetRequiredService<RunQueue>().EnqueueAsync(options, default);
            files.FullAfter = 20;
            Task<Run?> training = services.GetRequiredService<RunLauncher>().TrainAsync(run.Id);
            await WaitAsync(services, run.Id, r => r.Status == RunStatus.Paused);
            await services.GetRequiredService<RunLifecycle>().MoveAsync(run.Id, _ => RunStatus.Stopping);
            services.GetRequiredService<RunLauncher>().SignalsOf(run.Id)!.Ask(RunWish.Stop);
            Assert.Equal(RunStatus.Stopped, (await training)!.Status);
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            Assert.Contains(await db.LogLines.Where(line => line.RunId == run.Id).ToListAsync(),
                line => line.Severity == LogSeverity.Warning && line.Text.Contains("could not be saved", StringComparison.Ordinal));
        }
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task DatabaseFull_WhileTraining_WaitsAndRecordsEveryUpdateWhenThereIsRoom()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        RunOptions options;
        await using (var app = new WebDistillApp(root.FullName))
            options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 30);
        var room = new DatabaseRoom();
        var log = new SeenErrors();
        await using (ServiceProvider services = Training(root.FullName, FileLayer.Disk, extra => extra
            .ConfigureDbContext<WebDistillDb>(db => db.AddInterceptors(room)).AddSingleton<ILoggerProvider>(log)))
        {
            Run run = await services.GetRequiredService<RunQueue>().EnqueueAsync(options, default);
            Task<Run?> training = services.GetRequiredService<RunLauncher>().TrainAsync(run.Id);
            Run begun = await WaitAsync(services, run.Id, r => r.Step > 0);
            room.IsFull = true;
            await log.DiskFull.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.False(training.IsCompleted);
            room.IsFull = false;
            Run ended = (await training)!;
            Assert.Equal((RunStatus.Completed, 1), (ended.Status, ended.Attempt));
            Assert.True(begun.Step < ended.TotalSteps);
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            Assert.Equal(Enumerable.Range(1, ended.TotalSteps),
                await db.StepRows.Where(row => row.RunId == run.Id).OrderBy(row => row.Step).Select(row => row.Step).ToListAsync());
        }
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Interrupted_AgainAndAgainBeforeAnUpdate_IsGivenUp()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid id;
        await using (var app = new WebDistillApp(root.FullName))
        {
            Guid blocking = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000));
            id = await app.StartAsync(Product.TinyTraining(Guid.Parse((await app.GetAsync($"/api/runs/{blocking}")).GetProperty("datasetId").GetString()!)));
            // As if the process had died that often while it was preparing.
            await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(r => r.Id == id).ExecuteUpdateAsync(set => set
                .SetProperty(r => r.Status, RunStatus.Preparing).SetProperty(r => r.FruitlessAttempts, RunLifecycle.MostFruitlessAttempts)));
            await app.Http.PostAsync($"/api/runs/{blocking}/stop", null);
            await app.EndOfRunAsync(blocking);
        }
        await using (var app = new WebDistillApp(root.FullName))
        {
            JsonElement run = await app.GetAsync($"/api/runs/{id}");
            Assert.Equal("Failed", run.GetProperty("status").GetString());
            Assert.Contains("before this run recorded an update", run.GetProperty("error").GetString());
            // A person may try again.
            (await app.Http.PostAsync($"/api/runs/{id}/resume", null)).EnsureSuccessStatusCode();
            Assert.Equal("Completed", (await app.EndOfRunAsync(id)).GetProperty("status").GetString());
        }
        root.Delete(recursive: true);
    }

    private static void Damage(string path, int at = -3)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at < 0 ? bytes.Length + at : at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Training without a web host, as the command line composes it.</summary>
    private static ServiceProvider Training(string root, FileLayer files, Action<IServiceCollection>? extra = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Error));
        services.AddSingleton(HostSettings.Read(new ConfigurationBuilder().Build()));
        services.AddStorage(new DataFolder(root, files), reserveBytes: 0);
        services.AddTraining();
        extra?.Invoke(services);
        return services.BuildServiceProvider();
    }

    private static async Task<Run> WaitAsync(IServiceProvider services, Guid id, Func<Run, bool> expected)
    {
        for (int i = 0; ; i++)
        {
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            Run run = await db.Runs.AsNoTracking().SingleAsync(r => r.Id == id);
            if (expected(run))
                return run;
            Assert.True(i < 3000, $"The run stays {run.Status}: {run.Error}");
            await Task.Delay(20);
        }
    }

    /// <summary>A disk on which SQLite's file cannot grow: SQLite itself refuses, with the error that a full disk gives.</summary>
    private sealed class DatabaseRoom : DbConnectionInterceptor
    {
        public volatile bool IsFull;

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            using DbCommand command = connection.CreateCommand();
            // Fewer pages than there are means as many as there are.
            command.CommandText = $"PRAGMA max_page_count={(IsFull ? 1 : int.MaxValue - 1)};";
            command.ExecuteNonQuery();
        }

        public override Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            ConnectionOpened(connection, eventData);
            return Task.CompletedTask;
        }
    }

    /// <summary>Hears of the first error about a full disk.</summary>
    private sealed class SeenErrors : ILoggerProvider, ILogger
    {
        private readonly TaskCompletionSource _diskFull = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task DiskFull => _diskFull.Task;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (formatter(state, exception).StartsWith("The disk is full", StringComparison.Ordinal))
                _diskFull.TrySetResult();
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A disk without room for a checkpoint, always or after so many files.</summary>
    private sealed class FullDisk : FileLayer
    {
        private int _created;

        public volatile bool IsFull;

        public int FullAfter { get; set; } = int.MaxValue;

        public override void Sync(Stream stream)
        {
            if (IsFull || Interlocked.Increment(ref _created) > FullAfter)
                throw new IOException("No space left on device", 28);
            base.Sync(stream);
        }
    }
}
