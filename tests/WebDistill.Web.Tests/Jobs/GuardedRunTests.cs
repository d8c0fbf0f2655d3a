using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>Runs that go wrong, and what their guards do about it.</summary>
[Trait("takes", "long")]
public sealed class GuardedRunTests
{
    // Sentences that are learned in a moment, and then a part of the file that came back from the disk as something else.
    private static readonly string s_spoilt = string.Concat(Enumerable.Repeat(Product.Text, 3))
        + string.Concat(Enumerable.Range(0, 400).Select(i => $"{Convert.ToHexString(Encoding.UTF8.GetBytes($"{i * 7919 % 1013}"))}{(char)('!' + (i % 90))}{(char)('!' + (i * 31 % 90))}")) + "\n\n" + Product.Text;

    [Fact]
    public async Task Watch_ASpoiltPartOfTheText_IsToldAndChangesNothing()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync(s_spoilt);
        var told = new ConcurrentQueue<RunEvent>();
        using IDisposable subscription = app.Service<RunEvents>().Subscribe(told.Enqueue);
        JsonElement[] ended =
        [
            await app.EndOfRunAsync(await app.StartAsync(Spoilt(dataset, new() { Preset = GuardPreset.Off }))),
            await app.EndOfRunAsync(await app.StartAsync(Spoilt(dataset, new()))),
        ];
        Assert.All(ended, run => Assert.Equal(("Completed", 1), (run.GetProperty("status").GetString(), run.GetProperty("attempt").GetInt32())));
        Assert.Equal(Losses(await app.GetAsync($"/api/runs/{Id(ended[0])}/steps")), Losses(await app.GetAsync($"/api/runs/{Id(ended[1])}/steps")));
        Assert.Equal(0, (await app.GetAsync($"/api/runs/{Id(ended[0])}/alerts")).GetArrayLength());
        JsonElement alert = (await app.GetAsync($"/api/runs/{Id(ended[1])}/alerts")).EnumerateArray().First();
        Assert.Equal(("spike", "The loss spikes", "Told", "weighted sum"), (Text(alert, "guard"), Text(alert, "title"), Text(alert, "answer"), Text(alert, "unit")));
        Assert.True(alert.GetProperty("value").GetDouble() > alert.GetProperty("threshold").GetDouble());
        Assert.Equal(JsonValueKind.Null, alert.GetProperty("toStep").ValueKind);
        RunEvent first = told.First(change => change.Alert is not null);
        Assert.Equal((Id(ended[1]), alert.GetProperty("id").GetInt64(), RunStatus.Running), (first.Run.Id, first.Alert!.Id, first.Run.Status));
        Assert.Contains((await app.GetAsync($"/api/runs/{Id(ended[1])}/log")).EnumerateArray(), line => Text(line, "text")!.StartsWith("The loss spikes. Update ", StringComparison.Ordinal)
            && Text(line, "severity") == "Warning");
    }

    /// <summary>What a guard does by itself is what a person would have done by hand: to the last bit.</summary>
    [Fact]
    public async Task Act_ASpikeThatComesAgain_GoesBackThreeTimesAsAPersonWouldHaveBranched()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync(s_spoilt);
        Guid id = await app.StartAsync(Spoilt(dataset, new() { Preset = GuardPreset.Act }));
        JsonElement rested = await app.PollAsync($"/api/runs/{id}", run => Text(run, "status") is "Paused" or "Failed" or "Completed");
        Assert.Equal(("Paused", "run-guarded", 4), (Text(rested, "status"), Text(rested, "errorId"), rested.GetProperty("attempt").GetInt32()));
        Assert.StartsWith("The loss spikes. Update ", Text(rested, "error"));
        Assert.EndsWith("It went back 3 times already, each time with half the learning rate: look for another reason.", Text(rested, "error"));
        Alert[] alerts = [.. await app.Service<RunService>().AlertsAsync(id, 0, 100)];
        Assert.Equal([AlertAnswer.RolledBack, AlertAnswer.RolledBack, AlertAnswer.RolledBack, AlertAnswer.Paused], alerts.Select(alert => alert.Answer));
        Assert.Equal([1, 2, 3, 4], alerts.Select(alert => alert.Attempt));
        Assert.Equal([5e-3, 2.5e-3, 1.25e-3, null], alerts.Select(alert => alert.LearningRate));
        Assert.Equal(1.25e-3, rested.GetProperty("options").GetProperty("optimiser").GetProperty("learningRate").GetDouble());
        int alarm = alerts[0].Step, back = alerts[0].ToStep!.Value;
        Assert.Equal((alarm - 1) / 10 * 10, back);
        // The same update wants to spike again: then the checkpoint before is tried, and the one before that.
        Assert.All(alerts.Where(alert => alert.Step <= alarm).Skip(1).Take(2), alert => Assert.True(alert.ToStep < back));

        // By hand: a run that knows no guard, and a branch of it from the same checkpoint with half the rate.
        RunOptions alone = Spoilt(dataset, new() { Preset = GuardPreset.Off });
        Guid trunk = await app.StartAsync(alone);
        await app.EndOfRunAsync(trunk);
        using HttpResponseMessage branched = await app.Http.PostAsJsonAsync($"/api/runs/{trunk}/checkpoints/{back}/branch",
            alone with { Optimiser = alone.Optimiser with { LearningRate = 5e-3 } }, WebJson.Options);
        Guid branch = (await branched.JsonAsync()).GetProperty("id").GetGuid();
        Assert.Equal("Completed", Text(await app.EndOfRunAsync(branch), "status"));
        await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        var second = await db.SupersededRows.Where(row => row.RunId == id && row.Attempt == 2).Select(row => new { row.Step, row.TotalLoss })
            .Concat(db.StepRows.Where(row => row.RunId == id && row.Attempt == 2).Select(row => new { row.Step, row.TotalLoss })).OrderBy(row => row.Step).ToListAsync();
        Assert.Equal(Enumerable.Range(back + 1, alerts[1].Step - back), second.Select(row => row.Step));
        var byHand = await db.StepRows.Where(row => row.RunId == branch && row.Step > back && row.Step <= alerts[1].Step).OrderBy(row => row.Step)
            .Select(row => new { row.Step, row.TotalLoss }).ToListAsync();
        Assert.Equal(byHand, second);

        // A person may let it go on all the same.
        (await app.Http.PutAsJsonAsync($"/api/runs/{id}/guards", new GuardOptions { Preset = GuardPreset.Off }, WebJson.Options)).EnsureSuccessStatusCode();
        (await app.Http.PostAsync($"/api/runs/{id}/resume", null)).EnsureSuccessStatusCode();
        JsonElement done = await app.EndOfRunAsync(id);
        Assert.Equal(("Completed", null), (Text(done, "status"), Text(done, "error")));
    }

    [Fact]
    public async Task Act_ARateAtWhichTheRunDiverges_BeginsAnewUntilItDoesNot()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        RunOptions options = Product.TinyTraining(dataset).With(o => o with
        {
            Optimiser = o.Optimiser with { LearningRate = 10, MaxGradientNorm = 1e30 }, Schedule = o.Schedule with { WarmupProportion = 0 }, Guards = new() { Preset = GuardPreset.Act },
        });
        Guid id = await app.StartAsync(options);
        JsonElement rested = await app.PollAsync($"/api/runs/{id}", run => Text(run, "status") is "Paused" or "Failed" or "Completed");
        Alert[] alerts = [.. await app.Service<RunService>().AlertsAsync(id, 0, 100)];
        Assert.All(alerts, alert => Assert.Contains(alert.Guard, new[] { "spike", "nonFinite" }));
        Alert[] back = [.. alerts.Where(alert => alert.Answer == AlertAnswer.RolledBack)];
        Assert.NotEmpty(back);
        Assert.Equal((0, 5.0), (back[0].ToStep, back[0].LearningRate));
        Assert.Equal(1 + back.Length, rested.GetProperty("attempt").GetInt32());
        Assert.Equal(back[^1].LearningRate, rested.GetProperty("options").GetProperty("optimiser").GetProperty("learningRate").GetDouble());
    }

    [Fact]
    public async Task Act_AStudentThatIsItsTeacher_IsPausedInItsFirstUpdates()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid teacher = Id(await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(dataset))));
        JsonElement run = await RestOfAsync(app, Product.TinyTraining(dataset).With(o => o with
        {
            Teacher = new() { ModelId = teacher.ToString() }, Student = new() { Initialisation = "checkpoint", ModelId = teacher.ToString(), Dropout = 0 },
            Objective = Terms.Of(ce: 1, clm: 0, cos: 0), Guards = new() { Preset = GuardPreset.Act },
        }));
        Assert.Equal(("Paused", 3, "run-guarded"), (Text(run, "status"), run.GetProperty("step").GetInt32(), Text(run, "errorId")));
        Assert.StartsWith("Nothing is learned. The student equals its teacher:", Text(run, "error"));
        Assert.Equal(3, (await app.GetAsync($"/api/runs/{Id(run)}/checkpoints")).EnumerateArray().Last().GetProperty("step").GetInt32());
    }

    [Fact]
    public async Task Guards_ChangedWhileTheRunTrains_ActFromTheNextUpdateOn()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000).With(o => o with { Guards = new() { Preset = GuardPreset.Off } }));
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > 40);
        using HttpResponseMessage refused = await app.Http.PutAsJsonAsync($"/api/runs/{id}/guards", new GuardOptions { Measure = "speed", Stall = GuardResponse.RollBack }, WebJson.Options);
        Assert.Equal(["guards.measure", "guards.stall"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage unknown = await app.Http.PutAsJsonAsync($"/api/runs/{Guid.NewGuid()}/guards", new GuardOptions(), WebJson.Options);
        await unknown.ProblemAsync(HttpStatusCode.NotFound);
        // No measurement improves by so much.
        var stopping = new GuardOptions { Preset = GuardPreset.Off, Validation = GuardResponse.Stop, Patience = 1, MinimumImprovement = 1e5 };
        using HttpResponseMessage answer = await app.Http.PutAsJsonAsync($"/api/runs/{id}/guards", stopping, WebJson.Options);
        Assert.Equal("Stop", Text((await answer.JsonAsync()).GetProperty("options").GetProperty("guards"), "validation"));
        // The measurements of before count: it does not wait for two of its own.
        JsonElement ended = await app.EndOfRunAsync(id);
        Assert.Equal(("Stopped", "run-guarded"), (Text(ended, "status"), Text(ended, "errorId")));
        Assert.StartsWith("The validation rises. Update ", Text(ended, "error"));
        Assert.Equal(("validation", "Stopped"), (await app.GetAsync($"/api/runs/{id}/alerts")).EnumerateArray().Single() is var alert ? (Text(alert, "guard"), Text(alert, "answer")) : default);
    }

    private static RunOptions Spoilt(Guid dataset, GuardOptions guards) => Product.TinyTraining(dataset).With(o => o with
    {
        Data = o.Data with { Shuffle = false }, Optimiser = o.Optimiser with { LearningRate = 1e-2 }, Schedule = o.Schedule with { ValidationIntervalSteps = 0 },
        Checkpoints = o.Checkpoints with { IntervalSteps = 10, KeepLast = 100 }, Guards = guards,
    });

    private static async Task<JsonElement> RestOfAsync(WebDistillApp app, RunOptions options)
    {
        Guid id = await app.StartAsync(options);
        return await app.PollAsync($"/api/runs/{id}", run => Text(run, "status") is "Paused" or "Failed" or "Completed" or "Stopped");
    }

    private static double[] Losses(JsonElement steps) => [.. steps.EnumerateArray().Select(step => step.GetProperty("totalLoss").GetDouble())];

    private static Guid Id(JsonElement run) => run.GetProperty("id").GetGuid();

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();
}
