using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>What the product does on machines that are too small, and with options that no plan can be made of.</summary>
public sealed class MachineTests(WebDistillApp app) : IClassFixture<WebDistillApp>, IDisposable
{
    private static readonly Machine s_small = new() { MemoryBytes = 300_050_000, FreeMemoryBytes = 50_000, FreeDiskBytes = 1_000_000_000 };

    /// <summary>The finding "planned memory is never compared with the machine", at every way in.</summary>
    [Fact]
    public async Task Run_ThatCannotFit_IsRefusedWithTheArithmeticByRunPlanAndSweep()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        app.Machine = s_small;
        foreach (string path in (string[])["/api/runs", "/api/runs/plan"])
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync(path, options, WebJson.Options);
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
            Assert.Equal("student.layerCount", Assert.Single(problem.Fields()));
            Assert.Contains("weights 33.5 kB + gradients 33.5 kB + Adam's moments 66.9 kB", problem.GetProperty("detail").GetString());
            Assert.Contains("the machine has 300 MB of memory", problem.GetProperty("detail").GetString());
        }
        using HttpResponseMessage sweep = await app.Http.PostAsJsonAsync("/api/sweeps", new
        {
            name = "too large", options, dimensions = new[]
            {
                new { name = "rate", values = new[] { new { label = "small", changes = new { learningRate = 1e-4 } }, new { label = "large", changes = new { learningRate = 1e-3 } } } },
            },
        }, WebJson.Options);
        string answer = await sweep.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, sweep.StatusCode);
        Assert.Contains("options.student.layerCount", answer);
        Assert.Contains("the machine has 300 MB of memory", answer);
    }

    [Fact]
    public async Task Plan_ThatIsTight_Warns()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        JsonElement plan = await PlanAsync(options);
        Assert.Empty(plan.GetProperty("warnings").EnumerateArray());
        long needed = plan.GetProperty("plan").GetProperty("memoryBytes").GetInt64();
        Assert.Equal(needed, plan.GetProperty("plan").GetProperty("memory").GetProperty("totalBytes").GetInt64());
        app.Machine = s_small with { MemoryBytes = RunFit.ServerBytes + needed * 10 / 8, FreeMemoryBytes = needed };
        JsonElement warning = Assert.Single((await PlanAsync(options)).GetProperty("warnings").EnumerateArray());
        Assert.Equal("schedule.batchSize", warning.GetProperty("field").GetString());
        Assert.StartsWith("Memory is tight: it needs weights", warning.GetProperty("message").GetString());
    }

    /// <summary>The finding "the server is OOM-killed five times before the run is given up": it is refused before it takes the memory.</summary>
    [Fact]
    public async Task Start_TheMemoryWasTakenMeanwhile_FailsWithTheArithmeticAndCanBeResumed()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        app.Machine = new Machine { MemoryBytes = 1_000_000_000, FreeMemoryBytes = 1000, FreeDiskBytes = 1_000_000_000 };
        Guid id = await app.StartAsync(options);
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.Equal("Failed", run.GetProperty("status").GetString());
        Assert.Contains("and 1.0 kB of the 1.0 GB of memory are free. Let other work", run.GetProperty("error").GetString());
        Assert.Equal(1, run.GetProperty("attempt").GetInt32());
        app.Machine = null;
        using HttpResponseMessage resumed = await app.Http.PostAsync($"/api/runs/{id}/resume", null);
        Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        await app.PollAsync($"/api/runs/{id}", found => found.GetProperty("status").GetString() == "Completed");
    }

    /// <summary>A full disk pauses a run and costs nothing: at its start it is said, and no reason to fail.</summary>
    [Fact]
    public async Task Start_TheDiskWasTakenMeanwhile_SaysTheArithmeticInTheLog()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        app.Machine = new Machine { MemoryBytes = 1_000_000_000, FreeMemoryBytes = 500_000_000, FreeDiskBytes = 10_000_000 };
        Guid id = (await app.Service<RunQueue>().EnqueueAsync(options, default)).Id;
        Assert.Equal("Completed", (await app.EndOfRunAsync(id)).GetProperty("status").GetString());
        Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(), line =>
            line.GetProperty("severity").GetString() == "Warning" && line.GetProperty("text").GetString()!.Contains("headroom 100 MB = ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_ModelLargerThanTheFreeMemory_IsRefusedWithTheArithmeticAndAnswersLater()
    {
        Guid model = await app.ImportedModelAsync();
        app.Machine = s_small with { FreeMemoryBytes = 1000 };
        object request = new { modelId = model, prompt = "The red", maxNewTokens = 2 };
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/generate", request);
        Assert.Contains("keys and values of a text", (await refused.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());
        app.Machine = null;
        using HttpResponseMessage answered = await app.Http.PostAsJsonAsync("/api/generate", request);
        Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
    }

    /// <summary>The finding "a context length larger than the text answers 500", and its kind.</summary>
    [Theory]
    [InlineData(SequenceMode.Packed, 100_000, "data.contextLength")]
    [InlineData(SequenceMode.HuggingFace, 1_000_000, "data.sequenceMode")]
    public async Task Plan_TextTooSmallForOneSequence_IsAProblemOfAField(SequenceMode mode, int context, string field)
    {
        // A document for every word: all are shorter than what Hugging Face's sequences must have.
        byte[] words = Encoding.UTF8.GetBytes(string.Join("\n\n", Product.Text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)));
        using HttpResponseMessage upload = await app.UploadAsync(words, ("vocabularySize", "270"));
        Guid dataset = (await upload.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{dataset}", found => found.GetProperty("state").GetString() == "Ready");
        await RefusedAsync(Product.TinyTraining(dataset).With(o => o with { Data = o.Data with { SequenceMode = mode,
            ContextLength = context } }), field);
    }

    [Theory]
    [InlineData("gone")]
    [InlineData("damaged")]
    public async Task Plan_FilesThatCannotBeRead_AreAProblemOfWhatTheyBelongTo(string how)
    {
        Guid dataset = await app.ReadyDatasetAsync(), model = await app.ImportedModelAsync();
        var folder = app.Service<DataFolder>();
        RunOptions distilled = new() { Teacher = new() { ModelId = model.ToString() },
            Data = new() { DatasetId = dataset.ToString(), ContextLength = 16 }, Student = new() { LayerCount = 1 } };
        Spoil(Path.Combine(folder.Model(model), ModelFiles.ConfigFileName));
        await RefusedAsync(distilled, "teacher.modelId");
        Spoil(DatasetFiles.Train(folder.Dataset(dataset)));
        string detail = await RefusedAsync(Product.TinyTraining(dataset), "data.datasetId");
        Assert.DoesNotContain(app.Root, detail);

        void Spoil(string file)
        {
            if (how == "gone")
                File.Delete(file);
            else
                File.WriteAllText(file, "{");
        }
    }

    [Fact]
    public async Task Plan_TheLongestRunThereIs_HasATimeThatCanBeShown()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(dataset)));
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            foreach (Run run in db.Runs.Where(run => run.TokensPerSecond > 0))
                run.TokensPerSecond = 1e-12;
            db.StepRows.RemoveRange(db.StepRows);
            await db.SaveChangesAsync();
        });
        double seconds = (await PlanAsync(Product.TinyTraining(dataset, epochs: 100_000))).GetProperty("estimatedSeconds").GetDouble();
        Assert.NotEmpty(Figures.Duration(TimeSpan.FromSeconds(seconds)));
    }

    [Fact]
    public async Task Upload_TextWhoseTokensMayNotFit_IsRefusedBeforeItIsPrepared()
    {
        byte[] text = Encoding.UTF8.GetBytes(Product.Text);
        app.Machine = s_small with { FreeDiskBytes = text.Length * 3 / 2 };
        using HttpResponseMessage response = await app.UploadAsync(text);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["file"], problem.Fields());
        Assert.Contains($"Its tokens can take {Machine.BytesInWords(2 * text.Length)}", problem.GetProperty("detail").GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    /// <summary>The finding "clock jump": what is left of a run is not told by a clock that was set.</summary>
    [Theory]
    [InlineData(-57)]
    [InlineData(57)]
    public void TimeLeft_TheWallClockWasSet_FollowsTheTimeTrained(int years)
    {
        var run = new Run
        {
            Name = "x", OptionsJson = "{}", Status = RunStatus.Running, Step = 30, TotalSteps = 90, TrainedSeconds = 60,
            AttemptStartedAt = DateTime.UtcNow.AddYears(years),
        };
        Assert.Equal(TimeSpan.FromSeconds(120), run.TimeLeft());
    }

    /// <summary>The finding "1 h 24 min left, then 52, 36, 33": nothing is told by the first updates, which are the slowest.</summary>
    [Theory]
    [InlineData(19, 9, false)]
    [InlineData(20, 9, true)]
    [InlineData(1, 11, true)]
    [InlineData(0, 60, false)]
    public void TimeLeft_FirstUpdatesOfAnAttempt_TellNothing(int made, double seconds, bool isTold)
    {
        var run = new Run
        {
            Name = "x", OptionsJson = "{}", Status = RunStatus.Running, AttemptFromStep = 500, Step = 500 + made, TotalSteps = 1000,
            TrainedSeconds = seconds, AttemptStartedAt = DateTime.UtcNow.AddDays(-1),
        };
        Assert.Equal(isTold, run.TimeLeft() is not null);
    }

    public void Dispose() => app.Machine = null;

    private async Task<string> RefusedAsync(RunOptions options, string field)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs/plan", options, WebJson.Options);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal([field], problem.Fields());
        return problem.GetProperty("detail").GetString()!;
    }

    private async Task<JsonElement> PlanAsync(RunOptions options)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs/plan", options, WebJson.Options);
        JsonElement plan = await response.JsonAsync();
        Assert.True(response.IsSuccessStatusCode, plan.ToString());
        return plan;
    }
}
