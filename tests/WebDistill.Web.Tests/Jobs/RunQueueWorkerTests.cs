using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Tests.Jobs;

[Trait("takes", "long")]
public sealed class RunQueueWorkerTests
{
    [Fact]
    public async Task Queue_SeveralRuns_TrainOneAtATimeInOrderAndAFailureDoesNotStopThem()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid first = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        Guid doomed = await app.StartAsync(Product.TinyTraining(dataset));
        Guid dependent = (await app.Service<RunQueue>().EnqueueAsync(Product.TinyTraining(dataset), default, afterRunId: doomed)).Id;
        Guid third = await app.StartAsync(Product.TinyTraining(dataset));
        Guid fourth = await app.StartAsync(Product.TinyTraining(dataset));
        // What the run needs is gone when its turn comes, as after a disk error.
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(r => r.Id == doomed).ExecuteUpdateAsync(
            set => set.SetProperty(r => r.TeacherId, Guid.NewGuid())));
        await app.PollAsync($"/api/runs/{first}", run => run.GetProperty("step").GetInt32() > 0);
        Assert.All(new[] { doomed, dependent, third, fourth }, id => Assert.Equal("Queued", Status(app, id).Result));
        await app.Service<RunCommands>().StopAsync(first);

        JsonElement[] ended =
            [await app.EndOfRunAsync(doomed), await app.EndOfRunAsync(dependent), await app.EndOfRunAsync(third),
            await app.EndOfRunAsync(fourth)];
        Assert.Equal(["Failed", "Failed", "Completed", "Completed"], ended.Select(run => run.GetProperty("status").GetString()));
        Assert.NotEmpty(ended[0].GetProperty("error").GetString()!);
        Assert.Contains("Failed", ended[1].GetProperty("error").GetString());
        Assert.True(ended[3].GetProperty("startedAt").GetDateTime() >= ended[2].GetProperty("finishedAt").GetDateTime());
        Assert.Contains((await app.GetAsync($"/api/runs/{doomed}/log")).EnumerateArray(),
            line => line.GetProperty("text").GetString()!.StartsWith("Failed", StringComparison.Ordinal));
        using HttpResponseMessage healthy = await app.Http.GetAsync("/healthz");
        Assert.True(healthy.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Queue_RunThatWaitsForItsTeacher_TrainsAfterIt()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        RunQueue training = app.Service<RunQueue>();
        Run teacher = await training.EnqueueAsync(Product.TinyTraining(dataset) with { StudentLayerCount = 2 }, default);
        Run student = await training.EnqueueAsync(
            new RunOptions { TeacherId = teacher.Id.ToString(), DatasetId = dataset.ToString(), StudentLayerCount = 1,
                Epochs = 1 }, default, teacher.Id);
        JsonElement ended = await app.EndOfRunAsync(student.Id);
        Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
        Assert.Equal(2, ended.GetProperty("teacherLayers").GetInt32());
        Assert.Equal(64, ended.GetProperty("teacherSha256").GetString()!.Length);
    }

    [Fact]
    public async Task Queue_WhatTheRunNeedsWasDeletedSinceItWasChecked_IsAProblemOfItsField()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        string gone = Guid.NewGuid().ToString();
        RunOptions options = Product.TinyTraining(dataset);
        foreach ((string field, RunOptions without) in new[]
        {
            ("datasetId", options with { DatasetId = gone }),
            ("teacherId", options with { TeacherId = gone }),
            ("studentModelId", options with { StudentInitialisation = "checkpoint", StudentModelId = gone }),
        })
        {
            var refused = await Assert.ThrowsAsync<OptionsInvalidException>(() => app.Service<RunQueue>().EnqueueAsync(without, default));
            OptionProblem problem = Assert.Single(refused.Problems);
            Assert.Equal(field, problem.Field);
            Assert.Contains(gone, problem.Message);
        }
        Assert.Empty((await app.GetAsync("/api/runs")).EnumerateArray());
    }

    [Fact]
    public async Task Checkpoints_AtTheInterval_AreListedAndLoad()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(
            Product.TinyTraining(await app.ReadyDatasetAsync()) with { CheckpointIntervalSteps = 10, KeepLastCheckpoints = 100 });
        JsonElement run = await app.EndOfRunAsync(id);
        JsonElement[] checkpoints = [.. (await app.GetAsync($"/api/runs/{id}/checkpoints")).EnumerateArray()];
        int total = run.GetProperty("totalSteps").GetInt32();
        Assert.Equal(Enumerable.Range(1, total / 10).Select(i => 10 * i).Append(total).Distinct(),
            checkpoints.Select(checkpoint => checkpoint.GetProperty("step").GetInt32()));
        foreach (JsonElement checkpoint in checkpoints)
        {
            string folder = Path.Combine(app.Root, "runs",
                id.ToString("N"), "checkpoints", $"step-{checkpoint.GetProperty("step").GetInt32()}");
            Assert.Equal(checkpoint.GetProperty("weightsSha256").GetString(),
                Distillation.Models.Weights.ModelFiles.Inspect(folder).WeightsSha256);
            Distillation.Models.Weights.ModelFiles.Load(folder).Dispose();
        }
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Restart_AfterAKillWithoutResuming_IsHonestKeepsTheQueueAndCleansUp()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid dataset, cut, waiting;
        await using (var before = new WebDistillApp(root.FullName))
        {
            dataset = await before.ReadyDatasetAsync();
            Guid first = await before.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
            await before.PollAsync($"/api/runs/{first}", run => run.GetProperty("step").GetInt32() > 3);
            cut = first;
            waiting = await before.StartAsync(Product.TinyTraining(dataset));
        }
        // What a kill leaves behind: a row that says Running, and folders that no row names.
        DbContextOptions<WebDistillDb> options = new DbContextOptionsBuilder<WebDistillDb>()
            .UseSqlite($"Data Source={Path.Combine(root.FullName, "webdistill.db")}").Options;
        await using (var db = new WebDistillDb(options))
            await db.Runs.Where(run => run.Id == cut).ExecuteUpdateAsync(set => set.SetProperty(run => run.Status, RunStatus.Running));
        string halfUpload = Directory.CreateDirectory(Path.Combine(root.FullName, "incoming", "half")).FullName;
        string orphan = Directory.CreateDirectory(Path.Combine(root.FullName, "models", Guid.NewGuid().ToString("N"))).FullName;

        // By hand, not by itself: what is looked at here is what the start finds.
        await using (var after = new WebDistillApp(root.FullName, new Dictionary<string, string> { ["Training:ResumeInterrupted"] = "false" }))
        {
            JsonElement run = await after.GetAsync($"/api/runs/{cut}");
            Assert.Equal("Interrupted", run.GetProperty("status").GetString());
            Assert.Contains("The server ended while this run was training", run.GetProperty("error").GetString());
            Assert.Equal(run.GetProperty("step").GetInt32(), (await after.GetAsync($"/api/runs/{cut}/steps")).GetArrayLength());
            Assert.Equal("Completed", (await after.EndOfRunAsync(waiting)).GetProperty("status").GetString());
            Assert.False(Directory.Exists(halfUpload));
            Assert.False(Directory.Exists(orphan));
            Assert.True(Directory.Exists(Path.Combine(root.FullName, "datasets", dataset.ToString("N"))));
        }
        root.Delete(recursive: true);
    }

    private static async Task<string> Status(WebDistillApp app, Guid id) => (await app.GetAsync($"/api/runs/{id}")).GetProperty("status")
        .GetString()!;
}
