using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>Whatever is asked for, a plan comes back or the fields that are wrong: no exception leaves the checks.</summary>
public sealed class LaunchChecksTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    /// <summary>The finding "a plan throws" as its kind: thousands of options, most of them senseless, over texts of which one is tiny.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Forecast_AnyOptions_GivesAPlanOrFieldProblems(int seed)
    {
        RandomOptions random = await RandomAsync(seed);
        var checks = app.Service<LaunchChecks>();
        int planned = 0;
        for (int i = 0; i < 2000; i++)
        {
            RunOptions options = random.Next();
            RunForecast forecast = await Told(() => checks.ForecastAsync(options, default), $"{seed}/{i}");
            AssertAnswer(forecast.Problems, forecast.Plan);
            if (forecast.Plan is RunPlan plan)
            {
                planned++;
                Assert.InRange(plan.TotalUpdates, 1, int.MaxValue);
                Assert.All((long[])[plan.MemoryBytes, plan.Disk.MostBytes, plan.TokensPerUpdate, plan.TotalTokens], number => Assert.InRange(number, 1, long.MaxValue));
                Assert.InRange(plan.FlopsPerToken, 1, double.MaxValue);
                Assert.All(forecast.Warnings, warning => Assert.NotNull(LossCatalogue.RunSchema.FindOrNull(warning.Field)));
                JsonSerializer.Serialize(PlanResponse.Of(forecast), WebJson.Measured);
            }
        }
        // Otherwise it would be the first check alone that was tried.
        Assert.InRange(planned, 100, 1900);
    }

    /// <summary>The same through a sweep's plan, whose points carry the changes, and through the form, whose texts are the options'.</summary>
    [Fact]
    public async Task SweepAndForm_AnyOptions_GiveARunOrFieldProblems()
    {
        RandomOptions random = await RandomAsync(3);
        RunOptions basis = Product.TinyTraining(await app.ReadyDatasetAsync());
        var planner = app.Service<SweepPlanner>();
        for (int i = 0; i < 400; i++)
        {
            RunOptions options = random.Next();
            SweepPreview preview = await Told(() => planner.CheckAsync(new SweepPlan { Name = "any", Options = options, Dimensions = [Seeds()] }), $"{i}");
            AssertAnswer(preview.Problems, preview.Runs is [var first, ..] ? first.Plan : null);
            if (preview.Runs.Count == 0)
                continue;
            RunDraft draft = await Told(() => Task.FromResult(RunDraft.Of(options)), $"{i}");
            draft.Read(out IReadOnlyList<OptionProblem> unreadable);
            Assert.All(unreadable, problem => Assert.NotEmpty(problem.Message));
        }
        // JSON numbers that no double holds are infinite once they are read.
        foreach (string number in (string[])["1e999", "-1e999", "1e-999", "123456789012345678901234567890"])
        {
            foreach (OptionField field in LossCatalogue.RunSchema.Settings.Where(field => field.Kind is OptionKind.Number or OptionKind.Integer))
            {
                var value = new SweepValue { Label = "v", Changes = new Dictionary<string, JsonElement> { [field.Path] = JsonSerializer.Deserialize<JsonElement>(number) } };
                SweepPreview preview = await Told(() => planner.CheckAsync(new SweepPlan
                {
                    Name = "any", Options = basis, Dimensions = [new SweepDimension { Name = "d", Values = [value] }],
                }), $"{field.Path} = {number}");
                AssertAnswer(preview.Problems, preview.Runs is [var first, ..] ? first.Plan : null);
            }
        }

        static SweepDimension Seeds() => new() { Name = "seed", Values = [SweepValue.Of("seed", 1), SweepValue.Of("seed", 2)] };
    }

    /// <summary>What the API makes of texts: 200, or 400 with the fields that are wrong.</summary>
    [Theory]
    [InlineData("""{"data":{"contextLength":1000000}}""", "data.contextLength")]
    [InlineData("""{"data":{"contextLength":2147483648}}""", "data.contextLength")]
    [InlineData("""{"schedule":{"batchSize":65536,"gradientAccumulation":1000000}}""", "schedule.gradientAccumulation")]
    [InlineData("""{"schedule":{"epochs":100000,"batchSize":1},"data":{"contextLength":2}}""", null)]
    [InlineData("""{"student":{"layerCount":1024,"width":65536}}""", "student.layerCount")]
    [InlineData("""{"optimiser":{"learningRate":1e999}}""", "optimiser.learningRate")]
    public async Task Api_ExtremeOptions_AnswersTheFields(string changes, string? field)
    {
        string body = Changed(JsonSerializer.SerializeToElement(Product.TinyTraining(await app.ReadyDatasetAsync()), WebJson.Options), changes);
        foreach (string path in field is null ? (string[])["/api/runs/plan"] : ["/api/runs/plan", "/api/runs"])
        {
            using HttpResponseMessage response = await app.Http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
            if (field is null)
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            else
                Assert.Contains(field, (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        }
    }

    /// <summary>A number that no double holds, among what a sweep varies, answered 500.</summary>
    [Fact]
    public async Task Api_SweepOverAnInfiniteNumber_NamesThePoint()
    {
        string options = JsonSerializer.Serialize(Product.TinyTraining(await app.ReadyDatasetAsync()), WebJson.Options);
        string plan = $$$"""
            {"name": "n", "options": {{{options}}}, "dimensions": [{"name": "d", "values": [
                {"label": "a", "changes": {"optimiser.learningRate": 1e-3}}, {"label": "b", "changes": {"optimiser.learningRate": 1e999}}]}]}
            """;
        using HttpResponseMessage response = await app.Http.PostAsync("/api/sweeps", new StringContent(plan, Encoding.UTF8, "application/json"));
        Assert.Equal(["points[1].optimiser.learningRate"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    /// <summary>A budget is an option like others: the plan says what ends the run, the run ends there, and more epochs move it.</summary>
    [Theory]
    [InlineData("""{"schedule":{"maxUpdates":7,"epochs":3}}""", "schedule.maxUpdates", 7)]
    [InlineData("""{"schedule":{"maxTokens":800,"epochs":3,"shape":"warmup-stable-decay"}}""", "schedule.maxTokens", 7)]
    [InlineData("""{"schedule":{"maxTokens":9223372036854775807,"maxUpdates":2147483647,"epochs":1,"shape":"cosine"}}""", "schedule.epochs", null)]
    public async Task Budget_OfARun_EndsItAndGrowsWithItsEpochs(string changes, string endsBy, int? updates)
    {
        string body = Changed(JsonSerializer.SerializeToElement(Product.TinyTraining(await app.ReadyDatasetAsync()), WebJson.Options), changes);
        using HttpResponseMessage planned = await app.Http.PostAsync("/api/runs/plan", new StringContent(body, Encoding.UTF8, "application/json"));
        JsonElement plan = (await planned.JsonAsync()).GetProperty("plan");
        int total = plan.GetProperty("totalUpdates").GetInt32(), perEpoch = plan.GetProperty("updatesPerEpoch").GetInt32();
        Assert.Equal((endsBy, updates ?? perEpoch), (plan.GetProperty("endsBy").GetString(), total));
        using HttpResponseMessage started = await app.Http.PostAsync("/api/runs", new StringContent(body, Encoding.UTF8, "application/json"));
        Guid id = (await started.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.Equal(("Completed", total), (run.GetProperty("status").GetString(), run.GetProperty("step").GetInt32()));
        using HttpResponseMessage longer = await app.Http.PostAsJsonAsync($"/api/runs/{id}/continue", new { epochs = 1 });
        Assert.Equal(HttpStatusCode.Accepted, longer.StatusCode);
        run = await app.PollAsync($"/api/runs/{id}", r => r.GetProperty("attempt").GetInt32() == 2 && r.GetProperty("status").GetString() is "Completed" or "Failed");
        Assert.Equal(("Completed", total + perEpoch), (run.GetProperty("status").GetString(), run.GetProperty("step").GetInt32()));
    }

    /// <summary>Schedules and budgets are dimensions of sweeps like any option.</summary>
    [Fact]
    public async Task Sweep_OverSchedulesAndBudgets_PlansEachPoint()
    {
        SweepPreview preview = await app.Service<SweepPlanner>().CheckAsync(new SweepPlan
        {
            Name = "schedules", Options = Product.TinyTraining(await app.ReadyDatasetAsync()),
            Dimensions =
            [
                new SweepDimension { Name = "schedule", Values = [SweepValue.Of("schedule.shape", "cosine"), SweepValue.Of("schedule.shape", "constant")] },
                new SweepDimension { Name = "updates", Values = [SweepValue.Of("schedule.maxUpdates", 3), SweepValue.Of("schedule.maxUpdates", 5)] },
            ],
        });
        Assert.Empty(preview.Problems);
        Assert.Equal([("cosine", 3), ("cosine", 5), ("constant", 3), ("constant", 5)], preview.Runs.Select(run => (run.Options.Schedule.Shape, run.Plan!.TotalUpdates)));
        Assert.Equal(16, preview.TotalUpdates);
    }

    [Fact]
    public async Task Api_UnknownSchedule_IsAProblemOfItsField()
    {
        string body = Changed(JsonSerializer.SerializeToElement(Product.TinyTraining(await app.ReadyDatasetAsync()), WebJson.Options), """{"schedule":{"shape":"staircase"}}""");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs/plan", new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(["schedule.shape"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    /// <summary>A checkpoint beyond the end of the branch's plan failed the run when its turn came.</summary>
    [Fact]
    public async Task Branch_ShorterThanItsCheckpoint_IsAProblemOfTheEpochs()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 2);
        Guid id = await app.StartAsync(options);
        int step = (await app.EndOfRunAsync(id)).GetProperty("step").GetInt32();
        options = options with { Schedule = options.Schedule with { Epochs = 1 } };
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync($"/api/runs/{id}/checkpoints/{step}/branch", options, WebJson.Options);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["schedule.epochs"], problem.Fields());
        Assert.Contains($"The checkpoint has made {step} updates, and the run would end at update {step / 2}.", problem.GetProperty("detail").GetString());
    }

    /// <summary>The finding "the estimate follows the momentary speed": it is the median's of the last minute, with its quartiles.</summary>
    [Fact]
    public async Task Forecast_SpeedOfTheLatestRun_IsTheMedianOfItsLastMinute()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        RunOptions options = Product.TinyTraining(dataset);
        Guid id = await app.StartAsync(options);
        await app.EndOfRunAsync(id);
        RunPlan plan = (await app.Service<LaunchChecks>().ForecastAsync(options, default)).Plan!;
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Run run = db.Runs.Single(row => row.Id == id);
            // The last update was a hundred times as fast as all others.
            (run.StartedAt, run.TokensPerSecond) = (DateTime.UtcNow.AddDays(1), 40_000);
            RunSeries series = (await RunSeries.FindAsync(db, id, default))!.Value.Series;
            foreach (StepRow row in db.StepRows.Where(row => row.RunId == id))
            {
                double speed = row.Step == plan.TotalUpdates ? 40_000 : row.Step % 4 == 0 ? 200 : row.Step % 4 == 1 ? 800 : 400;
                row.Values = PackedNumbers.Pack([.. series.Packed.Select(one => (double?)(one.Name == "tokensPerSecond" ? speed : 1))]);
            }
            await db.SaveChangesAsync();
        });
        EstimatedTime time = (await app.Service<LaunchChecks>().ForecastAsync(options, default)).Time!;
        Assert.Equal(plan.TotalTokens / 400.0, time.Seconds, 1e-6);
        Assert.InRange(time.LeastSeconds, plan.TotalTokens / 800.0 - 1e-6, time.Seconds);
        Assert.InRange(time.MostSeconds, time.Seconds, plan.TotalTokens / 200.0 + 1e-6);
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(row => row.Id == id).ExecuteDeleteAsync());
    }

    [Theory]
    [InlineData("""{"optimiser":{"learningRate":10}}""", "optimiser.learningRate", "10 is unusual: training diverges")]
    [InlineData("""{"optimiser":{"learningRate":1e-9}}""", "optimiser.learningRate", "hardly anything is learned")]
    [InlineData("""{"schedule":{"warmupProportion":1}}""", "schedule.warmupProportion", "never falls")]
    [InlineData("""{"checkpoints":{"intervalMinutes":0}}""", "checkpoints.intervalMinutes", "power cut")]
    [InlineData("""{"schedule":{"batchSize":65536}}""", "schedule.batchSize", "every batch is the whole text")]
    public async Task Plan_WhatIsProbablyNotMeant_IsAWarning(string changes, string field, string message)
    {
        JsonElement basis = JsonSerializer.SerializeToElement(Product.TinyTraining(await app.ReadyDatasetAsync()), WebJson.Options);
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs/plan", new StringContent(Changed(basis, changes), Encoding.UTF8, "application/json"));
        JsonElement warning = Assert.Single((await response.JsonAsync()).GetProperty("warnings").EnumerateArray());
        Assert.Equal(field, warning.GetProperty("field").GetString());
        Assert.Contains(message, warning.GetProperty("message").GetString());
    }

    /// <summary>A list of more layers than a model may have reached the training, which failed.</summary>
    [Fact]
    public async Task Forecast_MoreLayersCopiedThanAModelMayHave_IsAProblemOfTheList()
    {
        (Guid dataset, Guid teacher) = await PairAsync();
        RunOptions options = Distillation(dataset, teacher);
        options = options with { Student = options.Student with { LayerCount = null, TeacherLayers = [.. Enumerable.Repeat(0, OptionLimits.Layers + 1)] } };
        OptionProblem problem = Assert.Single((await app.Service<LaunchChecks>().ForecastAsync(options, default)).Problems);
        Assert.Equal("student.teacherLayers", problem.Field);
        Assert.Contains("n_layer is 1025", problem.Message);
    }

    private async Task<RandomOptions> RandomAsync(int seed)
    {
        (Guid dataset, Guid teacher) = await PairAsync();
        using HttpResponseMessage upload = await app.UploadAsync("A bird.\n\nA tree.\n\n"u8.ToArray(), ("vocabularySize", "257"));
        Guid tiny = (await upload.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{tiny}", d => d.GetProperty("state").GetString() == "Ready");
        RunOptions distilled = Distillation(dataset, teacher);
        return new RandomOptions(seed, [dataset, tiny, teacher],
        [
            Product.TinyTraining(dataset), Product.TinyTraining(tiny), distilled, distilled with { Data = distilled.Data with { DatasetId = tiny.ToString() } },
            distilled with { Student = distilled.Student with { Initialisation = "checkpoint", ModelId = teacher.ToString(), LayerCount = null } },
            Product.TinyTraining(dataset) with { Data = new() { DatasetId = dataset.ToString(), ContextLength = 32, SequenceMode = SequenceMode.HuggingFace } },
        ]);
    }

    /// <summary>A teacher and a text that is tokenised with its vocabulary.</summary>
    private async Task<(Guid Dataset, Guid Teacher)> PairAsync()
    {
        Guid teacher = await app.ImportedModelAsync();
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", teacher.ToString()));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Ready");
        return (id, teacher);
    }

    private static string Changed(JsonElement options, string changes)
    {
        var changed = JsonObject.Create(options)!;
        foreach ((string group, JsonNode? own) in JsonNode.Parse(changes)!.AsObject())
        {
            foreach ((string name, JsonNode? value) in own!.AsObject())
                changed[group]![name] = value?.DeepClone();
        }
        return changed.ToJsonString();
    }

    private static RunOptions Distillation(Guid dataset, Guid teacher) => new()
    {
        Name = "distilled",
        Teacher = new() { ModelId = teacher.ToString() },
        Data = new() { DatasetId = dataset.ToString(), ContextLength = 16 },
        Student = new() { LayerCount = 1, Dropout = 0 },
    };

    private static void AssertAnswer(IReadOnlyList<OptionProblem> problems, RunPlan? plan)
    {
        Assert.True(problems.Count > 0 || plan is not null, "There is neither a plan nor a problem.");
        Assert.All(problems, problem =>
        {
            Assert.False(string.IsNullOrWhiteSpace(problem.Field));
            Assert.InRange(problem.Message.Length, 10, 20_000);
        });
    }

    private static async Task<T> Told<T>(Func<Task<T>> ask, string which)
    {
        try
        {
            return await ask();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Options {which}: {e.GetType().Name}: {e.Message}", e);
        }
    }
}
