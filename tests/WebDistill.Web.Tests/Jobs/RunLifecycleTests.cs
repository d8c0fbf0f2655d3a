using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Jobs;

[Trait("takes", "long")]
public sealed class RunLifecycleTests
{
    [Fact]
    public async Task Move_EveryPairOfStatuses_IsSavedOrRefusedAsTheTableSays()
    {
        await using var app = new WebDistillApp();
        RunLifecycle lifecycle = app.Service<RunLifecycle>();
        int refused = 0;
        foreach (RunStatus from in Enum.GetValues<RunStatus>())
        {
            foreach (RunStatus to in Enum.GetValues<RunStatus>().Where(to => to != from))
            {
                // No data set: whatever it becomes, the queue has nothing to train.
                Run run = await AddAsync(app, from);
                if (RunLifecycle.Allows(from, to))
                {
                    Run moved = await lifecycle.MoveAsync(run.Id, _ => to, error: "because");
                    Assert.Equal((to, "because"), (moved.Status, moved.Error));
                    Assert.Equal(moved.IsFinal || to == RunStatus.Paused, moved.FinishedAt is not null);
                    Assert.Contains(await app.Service<RunService>().LogAsync(run.Id), line => line.Text == $"{to}: because");
                }
                else
                {
                    refused++;
                    ConflictException conflict = await Assert.ThrowsAsync<ConflictException>(() => lifecycle.MoveAsync(run.Id, _ => to));
                    Assert.Contains($"is {from} and cannot become {to}", conflict.Message);
                    Assert.Equal(from, (await app.Service<RunService>().GetAsync(run.Id)).Status);
                }
                await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(r => r.Id == run.Id).ExecuteDeleteAsync());
            }
        }
        Assert.True(refused > 40, $"{refused} pairs were refused");
    }

    [Fact]
    public void Resolve_WishThatCameInBetween_IsKept()
    {
        Assert.Equal(RunStatus.Stopped, RunLifecycle.Resolve(RunStatus.Stopping, RunStatus.Interrupted));
        Assert.Equal(RunStatus.Stopped, RunLifecycle.Resolve(RunStatus.Stopping, RunStatus.Paused));
        Assert.Equal(RunStatus.Paused, RunLifecycle.Resolve(RunStatus.Pausing, RunStatus.Interrupted));
        Assert.Equal(RunStatus.Completed, RunLifecycle.Resolve(RunStatus.Stopping, RunStatus.Completed));
        Assert.Equal(RunStatus.Failed, RunLifecycle.Resolve(RunStatus.Pausing, RunStatus.Failed));
        // What it resolves to is always allowed, or a run could end without a status.
        foreach (RunStatus now in (RunStatus[])[RunStatus.Preparing, RunStatus.Running, RunStatus.Pausing, RunStatus.Stopping])
            Assert.True(RunLifecycle.Allows(now, RunLifecycle.Resolve(now, RunStatus.Interrupted)));
    }

    [Fact]
    public async Task PauseAndResume_RunningRun_GoesOnWhereItStoodAndEndsComplete()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid id = await app.StartAsync(Product.TinyTraining(dataset, epochs: 6));
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > 20);
        (await app.Http.PostAsync($"/api/runs/{id}/pause", null)).EnsureSuccessStatusCode();
        JsonElement paused = await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("status").GetString() == "Paused");
        int step = paused.GetProperty("step").GetInt32();
        Assert.InRange(step, 20, paused.GetProperty("totalSteps").GetInt32() - 1);
        JsonElement checkpoint = (await app.GetAsync($"/api/runs/{id}/checkpoints")).EnumerateArray().Last();
        // One more where the pause fell into a measurement: that update is made, and reported when the run goes on.
        Assert.InRange(checkpoint.GetProperty("step").GetInt32(), step, step + 1);

        // Another one gets the machine meanwhile, and the resumed one comes before those that wait.
        Guid next = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        Guid last = await app.StartAsync(Product.TinyTraining(dataset));
        await app.PollAsync($"/api/runs/{next}", run => run.GetProperty("step").GetInt32() > 0);
        (await app.Http.PostAsync($"/api/runs/{id}/resume", null)).EnsureSuccessStatusCode();
        (await app.Http.PostAsync($"/api/runs/{next}/stop", null)).EnsureSuccessStatusCode();
        JsonElement ended = await app.EndOfRunAsync(id);
        Assert.Equal("Completed", ended.GetProperty("status").GetString());
        Assert.Equal(2, ended.GetProperty("attempt").GetInt32());
        JsonElement waited = await app.EndOfRunAsync(last);
        Assert.True(waited.GetProperty("startedAt").GetDateTime() >= ended.GetProperty("finishedAt").GetDateTime());
        AssertEveryStepOnce(ended, await app.GetAsync($"/api/runs/{id}/steps"));
    }

    [Fact]
    public async Task Resume_FromAnEarlierCheckpoint_MakesTheUpdatesAfterItAgain()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 3).With(o => o with
        {
            Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 100 },
        }));
        JsonElement ended = await app.EndOfRunAsync(id);
        JsonElement before = await app.GetAsync($"/api/runs/{id}/steps");
        using HttpResponseMessage unknown = await app.Http.PostAsJsonAsync($"/api/runs/{id}/resume", new { step = 21 });
        Assert.Contains("20, 40", (await unknown.ProblemAsync(HttpStatusCode.NotFound)).GetProperty("detail").GetString());
        using HttpResponseMessage all = await app.Http.PostAsync($"/api/runs/{id}/resume", null);
        Assert.Contains("Continue it for more epochs", (await all.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());

        (await app.Http.PostAsJsonAsync($"/api/runs/{id}/resume", new { step = 40 })).EnsureSuccessStatusCode();
        JsonElement again = await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("attempt").GetInt32() == 2
            && run.GetProperty("status").GetString() == "Completed");
        AssertEveryStepOnce(again, await app.GetAsync($"/api/runs/{id}/steps"));
        Assert.Equal(Losses(before), Losses(await app.GetAsync($"/api/runs/{id}/steps")));
        int total = ended.GetProperty("totalSteps").GetInt32();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Assert.Equal(total - 40, await db.SupersededRows.CountAsync(step => step.RunId == id));
            // The perplexity at the end was measured twice.
            Assert.Equal([(1, "validationNatsPerToken"), (1, "validationPerplexity")], (await db.SupersededMeasurements
                .Where(one => one.RunId == id && one.Step == total).OrderBy(one => one.Name).ToListAsync()).Select(one => (one.Attempt, one.Name)));
            Assert.Equal([2, 2], await db.Measurements.Where(one => one.RunId == id && one.Step == total).Select(one => one.Attempt).ToListAsync());
        });
        Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(),
            line => line.GetProperty("text").GetString()!.StartsWith($"{total - 40} recorded updates", StringComparison.Ordinal));
        // The same weights make no second model.
        Assert.Single((await app.GetAsync("/api/models")).EnumerateArray());
    }

    [Fact]
    public async Task Continue_CompletedRun_TrainsForMoreEpochsAndMakesAModelBesideTheFirst()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 2));
        JsonElement first = await app.EndOfRunAsync(id);
        using HttpResponseMessage none = await app.Http.PostAsJsonAsync($"/api/runs/{id}/continue", new { epochs = 0 });
        Assert.Equal(["epochs"], (await none.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        (await app.Http.PostAsJsonAsync($"/api/runs/{id}/continue", new { epochs = 3 })).EnsureSuccessStatusCode();
        JsonElement second = await app.PollAsync($"/api/runs/{id}", run =>
            run.GetProperty("attempt").GetInt32() == 2 && run.GetProperty("status").GetString() == "Completed");
        Assert.Equal(first.GetProperty("totalSteps").GetInt32() / 2 * 5, second.GetProperty("totalSteps").GetInt32());
        AssertEveryStepOnce(second, await app.GetAsync($"/api/runs/{id}/steps"));
        JsonElement[] models = [.. (await app.GetAsync("/api/models")).EnumerateArray()];
        Assert.Equal(2, models.Length);
        Assert.Contains(models, model => model.GetProperty("id").GetGuid() == id);
        Guid made = second.GetProperty("studentModelId").GetGuid();
        Assert.NotEqual(id, made);
        Assert.Equal("tiny, 5 epochs", models.Single(model => model.GetProperty("id").GetGuid() == made).GetProperty("name").GetString());
    }

    [Fact]
    public async Task Branch_FromACheckpoint_GoesOnUnderOtherOptionsAndLeavesTheParent()
    {
        await using var app = new WebDistillApp();
        var options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 2).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 30, KeepLast = 9 } });
        Guid parent = await app.StartAsync(options);
        JsonElement ended = await app.EndOfRunAsync(parent);
        string path = $"/api/runs/{parent}/checkpoints/30/branch";
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync(path,
            options with { Schedule = options.Schedule with { BatchSize = 3 },
                Optimiser = options.Optimiser with { LearningRate = 1e-5 } }, WebJson.Options);
        Assert.Equal(["schedule.batchSize"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage created = await app.Http.PostAsJsonAsync(path,
            options with { Name = "slower", Optimiser = options.Optimiser with { LearningRate = 1e-5 } }, WebJson.Options);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Guid branch = (await created.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement run = await app.EndOfRunAsync(branch);
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        Assert.Equal((parent, 30), (run.GetProperty("branchRunId").GetGuid(), run.GetProperty("branchStep").GetInt32()));
        JsonElement own = await app.GetAsync($"/api/runs/{branch}/steps"), theirs = await app.GetAsync($"/api/runs/{parent}/steps");
        AssertEveryStepOnce(run, own);
        Assert.Equal(theirs.EnumerateArray().Take(30).Select(step => step.ToString()), own.EnumerateArray().Take(30).Select(step => step.ToString()));
        Assert.NotEqual(Losses(theirs), Losses(own));
        Assert.Equal(ended.ToString(), (await app.GetAsync($"/api/runs/{parent}")).ToString());
    }

    [Fact]
    public async Task Retention_OfTheOptions_KeepsWhatItSaysAndTheRestIsGone()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 3).With(o => o with
        {
            Checkpoints = o.Checkpoints with { IntervalSteps = 10, KeepLast = 1, KeepBest = false, KeepEverySteps = 40 },
        }));
        int total = (await app.EndOfRunAsync(id)).GetProperty("totalSteps").GetInt32();
        int[] steps = [.. (await app.GetAsync($"/api/runs/{id}/checkpoints")).EnumerateArray().Select(c => c.GetProperty("step").GetInt32())];
        Assert.Equal(Enumerable.Range(1, total / 40).Select(i => 40 * i).Append(total).Distinct(), steps);
        Assert.Equal(steps.Length, Directory.GetFileSystemEntries(Path.Combine(app.Root, "runs", id.ToString("N"), "checkpoints")).Length);

        using HttpResponseMessage zip = await app.Http.GetAsync($"/api/runs/{id}/checkpoints/40/files");
        using var archive = new System.IO.Compression.ZipArchive(await zip.Content.ReadAsStreamAsync());
        Assert.Equal(
            ["config.json", "manifest.json", "merges.txt", "model.safetensors", "optimizer.safetensors", "training_state.json", "vocab.json"],
            archive.Entries.Select(entry => entry.FullName));
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/runs/{id}/checkpoints/40")).StatusCode);
        Assert.Equal(steps.Length - 1, (await app.GetAsync($"/api/runs/{id}/checkpoints")).GetArrayLength());

        // A checkpoint answers a prompt as a model does.
        Guid checkpoint = (await app.GetAsync($"/api/runs/{id}/checkpoints"))[0].GetProperty("id").GetGuid();
        using HttpResponseMessage generated = await app.Http.PostAsJsonAsync("/api/generate", new { modelId = checkpoint, prompt = "The", maxNewTokens = 3 });
        Assert.True(generated.IsSuccessStatusCode, await generated.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Queue_Reordered_TrainsInTheNewOrder()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid running = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        await app.PollAsync($"/api/runs/{running}", run => run.GetProperty("step").GetInt32() > 0);
        Guid[] queued = [await app.StartAsync(Product.TinyTraining(dataset)), await app.StartAsync(Product.TinyTraining(dataset)), await app.StartAsync(Product.TinyTraining(dataset))];
        using HttpResponseMessage tooFar = await app.Http.PutAsJsonAsync($"/api/runs/{queued[0]}/position", new { position = 4 });
        Assert.Contains("expected 1 to 3", (await tooFar.ProblemAsync(HttpStatusCode.BadRequest)).ToString());
        using HttpResponseMessage notQueued = await app.Http.PutAsJsonAsync($"/api/runs/{running}/position", new { position = 1 });
        await notQueued.ProblemAsync(HttpStatusCode.Conflict);
        (await app.Http.PutAsJsonAsync($"/api/runs/{queued[2]}/position", new { position = 1 })).EnsureSuccessStatusCode();
        (await app.Http.PutAsJsonAsync($"/api/runs/{queued[0]}/position", new { position = 3 })).EnsureSuccessStatusCode();
        await app.Http.PostAsync($"/api/runs/{running}/stop", null);
        DateTime[] started = new DateTime[3];
        for (int i = 0; i < 3; i++)
            started[i] = (await app.EndOfRunAsync(queued[i])).GetProperty("startedAt").GetDateTime();
        Assert.True(started[2] < started[1] && started[1] < started[0], string.Join(", ", started));
    }

    [Fact]
    public async Task StopAndResume_InTheMomentInWhichTheRunCameToRest_AreDone()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        RunCommands runs = app.Service<RunCommands>();
        // The status is on the disk and the thread that trained has not quite let go: what is asked for now must not be lost.
        using IDisposable listening = app.Service<RunEvents>().Subscribe(change =>
        {
            if (change is not { From: RunStatus.Pausing, Run.Status: RunStatus.Paused })
                return;
            Task.Run(() => change.Run.Name == "stopped" ? runs.StopAsync(change.Run.Id) : runs.ResumeAsync(change.Run.Id)).GetAwaiter().GetResult();
        });
        foreach ((string name, string expected) in new[] { ("stopped", "Stopped"), ("resumed", "Completed") })
        {
            Guid id = await app.StartAsync(Product.TinyTraining(dataset, epochs: 20) with { Name = name });
            await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > 0);
            (await app.Http.PostAsync($"/api/runs/{id}/pause", null)).EnsureSuccessStatusCode();
            JsonElement ended = await app.EndOfRunAsync(id);
            Assert.Equal(expected, ended.GetProperty("status").GetString());
        }
    }

    [Fact]
    public async Task Actions_TwoHundredRandomOnesByTwoClients_NeverLeaveAnIllegalStateOrLoseARun()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        var changes = new ConcurrentQueue<(Guid Run, RunStatus From, RunStatus To)>();
        using IDisposable listening = app.Service<RunEvents>().Subscribe(change => changes.Enqueue((change.Run.Id, change.From, change.Run.Status)));
        List<Guid> runs = [];
        for (int i = 0; i < 4; i++)
            runs.Add(await app.StartAsync(Product.TinyTraining(dataset, epochs: 4).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 50 } })));
        // Those that are not deleted, as far as both know: actions on nothing would prove nothing.
        List<Guid> alive = [.. runs];
        var deleted = new ConcurrentDictionary<Guid, bool>();
        var answers = new ConcurrentDictionary<HttpStatusCode, int>();

        async Task ActAsync(int seed)
        {
            var random = new Random(seed);
            for (int i = 0; i < 100; i++)
            {
                Guid id;
                lock (runs)
                    id = alive[random.Next(alive.Count)];
                string action = ((string[])["pause", "resume", "stop", "resume", "pause", "start", "delete", "position"])[random.Next(8)];
                if (action == "delete" && alive.Count <= 3)
                    action = "start";
                using HttpResponseMessage answer = action switch
                {
                    "start" => await app.Http.PostAsJsonAsync("/api/runs", Product.TinyTraining(dataset, epochs: 3), WebJson.Options),
                    "delete" => await app.Http.DeleteAsync($"/api/runs/{id}"),
                    "position" => await app.Http.PutAsJsonAsync($"/api/runs/{id}/position", new { position = 1 }),
                    _ => await app.Http.PostAsync($"/api/runs/{id}/{action}", null),
                };
                answers.AddOrUpdate(answer.StatusCode, 1, (_, count) => count + 1);
                Assert.True(answer.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.Created or HttpStatusCode.NoContent or HttpStatusCode.OK
                    or HttpStatusCode.Conflict or HttpStatusCode.NotFound, $"{action}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
                if (action == "start")
                {
                    Guid started = (await answer.JsonAsync()).GetProperty("id").GetGuid();
                    lock (runs)
                    {
                        runs.Add(started);
                        alive.Add(started);
                    }
                }
                else if (action == "delete" && answer.StatusCode == HttpStatusCode.NoContent)
                {
                    deleted[id] = true;
                    lock (runs)
                        alive.Remove(id);
                }
                await Task.Delay(random.Next(15));
            }
        }
        await Task.WhenAll(ActAsync(1), ActAsync(2));

        // Whatever rests is asked to go on, and everything that still exists comes to its end.
        foreach (Guid id in runs.Where(id => !deleted.ContainsKey(id)))
        {
            await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("status").GetString() is not ("Pausing" or "Stopping"));
            using HttpResponseMessage resumed = await app.Http.PostAsync($"/api/runs/{id}/resume", null);
        }
        foreach (Guid id in runs)
        {
            if (deleted.ContainsKey(id))
            {
                Assert.Equal(HttpStatusCode.NotFound, (await app.Http.GetAsync($"/api/runs/{id}")).StatusCode);
                Assert.False(Directory.Exists(Path.Combine(app.Root, "runs", id.ToString("N"))));
                continue;
            }
            JsonElement ended = await app.EndOfRunAsync(id);
            Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
            AssertEveryStepOnce(ended, await app.GetAsync($"/api/runs/{id}/steps"));
        }
        Assert.All(changes, change => Assert.True(RunLifecycle.Allows(change.From, change.To), change.ToString()));
        // Each change begins where the one before it ended: none was lost or made twice.
        foreach (IGrouping<Guid, (Guid Run, RunStatus From, RunStatus To)> own in changes.GroupBy(change => change.Run))
        {
            RunStatus now = RunStatus.Queued;
            foreach ((_, RunStatus from, RunStatus to) in own)
            {
                Assert.Equal(now, from);
                now = to;
            }
        }
        Assert.True(answers.GetValueOrDefault(HttpStatusCode.Conflict) > 0 && answers.GetValueOrDefault(HttpStatusCode.Accepted) > 10, string.Join(", ", answers));
    }

    private static void AssertEveryStepOnce(JsonElement run, JsonElement steps) =>
        Assert.Equal(Enumerable.Range(1, run.GetProperty("totalSteps").GetInt32()), steps.EnumerateArray().Select(s => s.GetProperty("step").GetInt32()));

    private static IEnumerable<double> Losses(JsonElement steps) => steps.EnumerateArray().Select(step => step.GetProperty("totalLoss").GetDouble());

    private static Task<Run> AddAsync(WebDistillApp app, RunStatus status) => app.Service<DatabaseWriter>().WriteAsync(async db =>
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "x", Status = status, OptionsJson = "{}" };
        db.Runs.Add(run);
        await db.SaveChangesAsync();
        return run;
    });
}
