using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Runs;

public sealed class RunApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Run_TinyTraining_CompletesWithEveryStepAndAModel()
    {
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), name: "birds <script>"));
        JsonElement run = await app.EndOfRunAsync(id);

        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        Assert.Equal("birds <script>", run.GetProperty("name").GetString());
        Assert.Equal("Training", run.GetProperty("kind").GetString());
        int total = run.GetProperty("totalSteps").GetInt32();
        Assert.Equal(total, run.GetProperty("step").GetInt32());
        JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps")).EnumerateArray()];
        Assert.Equal(Enumerable.Range(1, total), steps.Select(step => step.GetProperty("step").GetInt32()));
        Assert.Equal(
            typeof(StepReport).GetProperties().Where(p => p.GetIndexParameters().Length == 0).Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).Order(),
            steps[0].EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal([total],
            (await app.GetAsync($"/api/runs/{id}/steps?after={total - 1}")).EnumerateArray().Select(s => s.GetProperty("step").GetInt32()));
        Assert.Equal([.. LoopSeries.Of(Product.TinyTraining(default), hasTeacher: false).Concat(SystemSeries.All).Select(series => series.Name)],
            (await app.GetAsync($"/api/runs/{id}/series")).EnumerateArray().Select(series => series.GetProperty("name").GetString()));
        // Everything but the total loss, which stands beside the values, and the teacher's numbers: there is none.
        Assert.Equal(LoopSeries.Of(Product.TinyTraining(default), hasTeacher: false).Where(series => series.Cadence != SeriesCadence.Once)
                .Select(series => series.Name).Except(["totalLoss"]).Order(),
            // The machine is looked at by the clock, after whichever update that is.
            steps[^1].GetProperty("values").EnumerateObject().Select(number => number.Name).Except(SystemSeries.All.Select(series => series.Name)).Order());
        Assert.Equal(steps[^1].GetProperty("values").GetProperty("validationPerplexity").GetDouble(), run.GetProperty("validationPerplexity").GetDouble());
        Assert.Equal(steps[^1].GetProperty("totalLoss").GetDouble(), run.GetProperty("totalLoss").GetDouble());

        JsonElement model = await app.GetAsync($"/api/models/{run.GetProperty("studentModelId").GetGuid()}");
        Assert.Equal(id, model.GetProperty("runId").GetGuid());
        Assert.Equal("Run", model.GetProperty("origin").GetString());
        Assert.True(model.GetProperty("hasTokenizer").GetBoolean());
        Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(),
            line => line.GetProperty("text").GetString()!.Contains("Training on"));
        Assert.Equal(64, run.GetProperty("datasetSha256").GetString()!.Length);
        Assert.Equal(64, run.GetProperty("tokenizerSha256").GetString()!.Length);
        Assert.NotEmpty(run.GetProperty("engine").GetString()!);
        Assert.Contains((await app.GetAsync("/api/runs")).EnumerateArray(), listed => listed.GetProperty("id").GetGuid() == id);
    }

    [Fact]
    public async Task Run_WithTeacher_DistilsAndShowsTheTeachersPerplexity()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Guid teacher = await app.StartAsync(Product.TinyTraining(dataset).With(o => o with { Student = o.Student with { LayerCount = 2 } }));
        JsonElement trained = await app.EndOfRunAsync(teacher);
        RunOptions options = Product.TinyTraining(dataset).With(o => o with
        {
            Teacher = o.Teacher with { ModelId = trained.GetProperty("studentModelId").GetString() },
            Student = o.Student with { Initialisation = "teacher-layers", LayerCount = 1, Width = null, Heads = null },
            Data = o.Data with { ContextLength = null },
            Objective = o.Objective.With(ce: 5, clm: 2, cos: 1),
        });
        JsonElement run = await app.EndOfRunAsync(await app.StartAsync(options));

        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        Assert.Equal("Distillation", run.GetProperty("kind").GetString());
        Assert.Equal(trained.GetProperty("validationPerplexity").GetDouble(), run.GetProperty("teacherPerplexity").GetDouble(),
            tolerance: 1e-6);
        Assert.Equal(2, run.GetProperty("teacherLayers").GetInt32());
        Assert.Equal(1, run.GetProperty("studentLayers").GetInt32());
        JsonElement last = (await app.GetAsync($"/api/runs/{run.GetProperty("id").GetGuid()}/steps")).EnumerateArray().Last();
        Assert.True(last.GetProperty("values").GetProperty("ce").GetDouble() >= 0);
        Assert.True(last.GetProperty("values").GetProperty("cos").GetDouble() >= 0);
    }

    [Theory]
    [InlineData("""{"optimiser": {"learningRate": NaN}}""", "optimiser.learningRate")]
    [InlineData("""{"epochs": 2, "learningRate": NaN}""", "optimiser.learningRate")]
    [InlineData("""{"epochs": 1,}""", "$")]
    [InlineData("", "$")]
    [InlineData("[]", "$")]
    [InlineData("null", "$")]
    [InlineData("""{"temperature": "1,5"}""", "data.datasetId student.initialisation objective.ce.temperature")]
    [InlineData("""{"temperature": 0, "optimiser": {"learningRate": 1e999}}""", "data.datasetId optimiser.learningRate student.initialisation objective.ce.temperature")]
    [InlineData("""{"temperture": 2, "schedule": {"Epochs": 1, "batchSize": 1.5, "gradientAccumulation": 4294967296, "semantics": "Loose"}, "data": {"shuffle": "yes"}}""",
        "schedule.Epochs schedule.batchSize data.datasetId schedule.gradientAccumulation schedule.semantics data.shuffle student.initialisation temperture")]
    [InlineData("""{"Epochs": 1, "batchSize": 1.5, "gradientAccumulation": 4294967296, "shuffle": "yes", "semantics": "Loose"}""",
        "Epochs schedule.batchSize data.datasetId schedule.gradientAccumulation schedule.semantics data.shuffle student.initialisation")]
    [InlineData("""{"schedule": {"batchSize": null}, "student": {"teacherLayers": [0, "x"]}}""",
        "schedule.batchSize data.datasetId student.initialisation student.teacherLayers")]
    [InlineData("""{"data": {"datasetId": "../../etc/passwd"}, "student": {"initialisation": "random"}}""",
        "data.contextLength data.datasetId student.heads student.layerCount student.width")]
    [InlineData("""{"objective": {"ce": {"weight": "5", "temprature": 2}, "kl": {"weight": 1}, "clm": 2, "cos": {}}}""",
        "data.datasetId objective.ce.temprature objective.ce.weight objective.clm objective.cos.weight objective.kl student.initialisation")]
    [InlineData("""{"objective": {"ce": {"weight": 1}}, "alphaClm": 1}""", "data.datasetId objective.clm.weight student.initialisation")]
    [InlineData("""{"optimiser": 3, "data": null, "student": {"heads": 1, "heads": 2}}""", "data data.datasetId optimiser student.heads student.initialisation")]
    [InlineData("""{"epochs": 2, "schedule": {"epochs": 3}, "batchSize": 1, "batchSize": 2}""",
        "data.datasetId schedule.batchSize schedule.epochs student.initialisation")]
    public async Task Post_BadOptions_NamesEveryBadField(string body, string fields)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs", content);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(fields.Split(' ').Order(), problem.Fields());
        Assert.All(problem.GetProperty("errors").EnumerateObject(), error => Assert.NotEmpty(error.Value[0].GetString()!));
    }

    [Fact]
    public async Task Post_AnOptionByItsOldNameAndByItsPath_SaysWhichToLeaveOut()
    {
        using var content = new StringContent("""{"epochs": 2, "schedule": {"epochs": 3, "eepochs": 1}}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs", content);
        JsonElement errors = (await response.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors");
        Assert.Contains("Leave 'epochs' out.", errors.GetProperty("schedule.epochs")[0].GetString());
        Assert.Contains("'eepochs' is unknown. Known are: epochs, maxUpdates, maxTokens, batchSize,", errors.GetProperty("schedule.eepochs")[0].GetString());
    }

    [Fact]
    public async Task Post_AsAScriptOfBeforeTheGroups_IsQueuedAndAnsweredInGroups()
    {
        string body = $$"""
            {"name": "old script", "datasetId": "{{await app.ReadyDatasetAsync()}}", "studentInitialisation": "random", "studentLayerCount": 1,
             "studentWidth": 16, "studentHeads": 2, "contextLength": 16, "dropout": 0, "alphaCe": 0, "alphaClm": 1, "alphaCos": 0, "epochs": 1,
             "batchSize": 8, "learningRate": 0.003}
            """;
        using HttpResponseMessage created = await app.Http.PostAsync("/api/runs", new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        JsonElement options = (await created.JsonAsync()).GetProperty("options");
        Assert.Equal(0.003, options.GetProperty("optimiser").GetProperty("learningRate").GetDouble());
        Assert.Equal(16, options.GetProperty("student").GetProperty("width").GetInt32());
        Assert.False(options.TryGetProperty("learningRate", out _));
    }

    [Fact]
    public async Task Post_NotJson_IsUnsupportedMediaType()
    {
        using HttpResponseMessage response =
            await app.Http.PostAsync("/api/runs", new StringContent("name=x", Encoding.UTF8, "application/x-www-form-urlencoded"));
        await response.ProblemAsync(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task Post_TeacherOfAnotherVocabulary_IsRefusedAtTheTeacher()
    {
        Guid teacher = await app.ImportedModelAsync();
        using HttpResponseMessage upload = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("vocabularySize", "280"));
        Guid dataset = (await upload.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{dataset}", d => d.GetProperty("state").GetString() == "Ready");
        RunOptions options =
            new() { Teacher = new() { ModelId = teacher.ToString() }, Data = new() { DatasetId = dataset.ToString() },
                Student = new() { LayerCount = 1 }, Objective = Terms.Of(cos: 0) };
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["teacher.modelId"], problem.Fields());
        Assert.Contains("280", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Post_CorpusTooSmallForOneUpdate_IsRefused()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync(
            "/api/runs", Product.TinyTraining(dataset).With(o => o with { Schedule = o.Schedule with { GradientAccumulation = 5000 } }), WebJson.Options);
        Assert.Equal(["schedule.gradientAccumulation"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Plan_ReadyDataset_CountsUpdatesAsTheRunDoes()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 2);
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs/plan", options, WebJson.Options);
        int planned = (await response.JsonAsync()).GetProperty("plan").GetProperty("totalUpdates").GetInt32();
        JsonElement run = await app.EndOfRunAsync(await app.StartAsync(options));
        Assert.Equal(run.GetProperty("totalSteps").GetInt32(), planned);
    }

    [Fact]
    public async Task Stop_RunningRun_StopsKeepsItsStepsAndSavesACheckpoint()
    {
        // Without validation: stopped while it is measured, an update is saved before it is recorded, and the two counts differ by one.
        Guid id = await app.StartAsync(
            Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000).With(o => o with { Schedule = o.Schedule with { ValidationIntervalSteps = 0 } }));
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > 5);
        using HttpResponseMessage response = await app.Http.PostAsync($"/api/runs/{id}/stop", null);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        JsonElement run = await app.EndOfRunAsync(id);

        Assert.Equal("Stopped", run.GetProperty("status").GetString());
        int step = run.GetProperty("step").GetInt32();
        Assert.Equal(step, (await app.GetAsync($"/api/runs/{id}/steps")).GetArrayLength());
        Assert.Equal(step, (await app.GetAsync($"/api/runs/{id}/checkpoints"))[0].GetProperty("step").GetInt32());
        using HttpResponseMessage again = await app.Http.PostAsync($"/api/runs/{id}/stop", null);
        await again.ProblemAsync(HttpStatusCode.Conflict);

        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/runs/{id}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.False(Directory.Exists(Path.Combine(app.Root, "runs", id.ToString("N"))));
        using HttpResponseMessage gone = await app.Http.GetAsync($"/api/runs/{id}/steps");
        await gone.ProblemAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Rename_BlankOrUnknown_IsRefused()
    {
        using HttpResponseMessage blank = await app.Http.PutAsJsonAsync($"/api/runs/{Guid.NewGuid()}/name", new { name = " " });
        Assert.Equal(["name"], (await blank.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage unknown = await app.Http.PutAsJsonAsync($"/api/runs/{Guid.NewGuid()}/name", new { name = "x" });
        await unknown.ProblemAsync(HttpStatusCode.NotFound);
        using HttpResponseMessage missing = await app.Http.PutAsJsonAsync($"/api/runs/{Guid.NewGuid()}/name", new { });
        Assert.Equal(["name"], (await missing.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Theory]
    [InlineData("/api/runs/00000000-0000-0000-0000-000000000001", HttpStatusCode.NotFound)]
    [InlineData("/api/runs/not-an-id", HttpStatusCode.NotFound)]
    [InlineData("/api/runs/00000000-0000-0000-0000-000000000001/steps.bin", HttpStatusCode.NotFound)]
    [InlineData("/api/runs/00000000-0000-0000-0000-000000000001/steps?after=abc", HttpStatusCode.BadRequest)]
    [InlineData("/api/runs/00000000-0000-0000-0000-000000000001/log", HttpStatusCode.NotFound)]
    [InlineData("/api/nothing", HttpStatusCode.NotFound)]
    [InlineData("/api/models/00000000-0000-0000-0000-000000000001/download", HttpStatusCode.NotFound)]
    [InlineData("/api/datasets/00000000-0000-0000-0000-000000000001/preview", HttpStatusCode.NotFound)]
    public async Task Get_WhatDoesNotExist_IsProblemDetails(string path, HttpStatusCode status)
    {
        using HttpResponseMessage response = await app.Http.GetAsync(path);
        await response.ProblemAsync(status);
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task QuickStart_Posted_AnswersWithTheStudentsRunAtOnce()
    {
        // A folder of its own: what it queues would keep the other tests' runs waiting.
        await using var own = new WebDistillApp();
        using HttpResponseMessage response = await own.Http.PostAsync("/api/runs/quick-start", null);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        JsonElement student = await response.JsonAsync();
        Assert.Equal("Distillation", student.GetProperty("kind").GetString());
        Assert.Equal("Queued", student.GetProperty("status").GetString());
        Guid teacher = student.GetProperty("afterRunId").GetGuid();
        Assert.Equal(teacher, student.GetProperty("teacherId").GetGuid());

        await own.PollAsync($"/api/runs/{teacher}", run => run.GetProperty("step").GetInt32() > 0
            || run.GetProperty("status").GetString() == "Failed");
        using HttpResponseMessage stopped = await own.Http.PostAsync($"/api/runs/{teacher}/stop", null);
        Assert.Equal(HttpStatusCode.Accepted, stopped.StatusCode);
        JsonElement end = await own.EndOfRunAsync(student.GetProperty("id").GetGuid());
        Assert.Equal("Failed", end.GetProperty("status").GetString());
        Assert.Contains("Stopped", end.GetProperty("error").GetString());
    }
}
