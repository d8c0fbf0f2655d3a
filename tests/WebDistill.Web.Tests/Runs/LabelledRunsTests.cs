using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Runs over labelled examples, from their launch to the figures of their students.</summary>
public sealed class LabelledRunsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Run_OfLabels_AndABiLstmFromItsLogits_AreMeasuredByTheirAccuracy()
    {
        Guid dataset = await app.LabelledAsync(await app.ImportedBertAsync());
        JsonElement run = await CompletedAsync(await app.StartAsync(LabelledData.Labels(dataset, "BERT on labels")));
        Assert.Equal(JsonValueKind.Null, run.GetProperty("validationPerplexity").ValueKind);
        JsonElement student = run.GetProperty("validation").GetProperty("student");
        double accuracy = student.GetProperty("validationAccuracy").GetDouble();
        Assert.InRange(accuracy, 0.9, 1);
        Assert.Equal(["validationAccuracy", "validationMacroF1", "validationMatthews", "validationNatsPerText"], student.EnumerateObject().Select(number => number.Name).Order());
        Assert.Equal(JsonValueKind.Null, run.GetProperty("validation").GetProperty("teacher").ValueKind);
        Guid bert = run.GetProperty("id").GetGuid(), teacher = run.GetProperty("studentModelId").GetGuid();
        Assert.Equal("Classes", (await app.GetAsync($"/api/models/{teacher}")).GetProperty("head").GetString());
        JsonElement[] series = [.. (await app.GetAsync($"/api/runs/{bert}/series")).EnumerateArray()];
        Assert.Superset(new HashSet<string> { "labels", "validationAccuracy", "validationMacroF1", "teacherAccuracy" }, series.Select(one => one.GetProperty("name").GetString()!).ToHashSet());

        JsonElement pupil = await CompletedAsync(await app.StartAsync(LabelledData.FromLogits(teacher, dataset)));
        JsonElement scores = pupil.GetProperty("validation");
        Assert.Equal(accuracy, scores.GetProperty("teacher").GetProperty("validationAccuracy").GetDouble(), 1e-12);
        double own = scores.GetProperty("student").GetProperty("validationAccuracy").GetDouble();
        Assert.InRange(own, 0.9, 1);
        Assert.Equal(own - accuracy, scores.GetProperty("accuracyToTeacher").GetDouble(), 1e-12);
        Assert.Equal("bilstm", (await app.GetAsync($"/api/models/{pupil.GetProperty("studentModelId").GetGuid()}")).GetProperty("family").GetString());

        // Measured at every interval under its own name, and the checkpoint of the best one kept.
        Guid id = pupil.GetProperty("id").GetGuid();
        JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps")).EnumerateArray().Where(step => step.GetProperty("values").TryGetProperty("validationAccuracy", out _))];
        Assert.Equal([10, 20, 30, 40, 50, 60], steps.Select(step => step.GetProperty("step").GetInt32()));
        JsonElement[] checkpoints = [.. (await app.GetAsync($"/api/runs/{id}/checkpoints")).EnumerateArray()];
        Assert.All(checkpoints, saved => Assert.Equal(steps.Single(step => step.GetProperty("step").GetInt32() == saved.GetProperty("step").GetInt32()).GetProperty("values").GetProperty("validationAccuracy").GetDouble(),
            saved.GetProperty("validation").GetProperty("validationAccuracy").GetDouble(), 1e-6));
        Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(), line => line.GetProperty("text").GetString()!.StartsWith("Teacher's accuracy on the held-out examples: ", StringComparison.Ordinal));

        // Class by class, over the very texts that the run measured.
        JsonElement report = await app.GetAsync($"/api/models/{teacher}/classes?dataset={dataset}&contextLength=16&maxTokens=4096");
        Assert.Equal(accuracy, report.GetProperty("figures").GetProperty("accuracy").GetDouble(), 1e-12);
        Assert.Equal(student.GetProperty("validationNatsPerText").GetDouble(), report.GetProperty("natsPerText").GetDouble(), 1e-5);
        Assert.Equal(LabelledData.Classes, report.GetProperty("classes").EnumerateArray().Select(one => one.GetProperty("name").GetString()));
        Assert.Equal([20, 20], report.GetProperty("confusion").EnumerateArray().Select(row => row.EnumerateArray().Sum(told => told.GetInt64())));
        using HttpResponseMessage unnamed = await app.Http.GetAsync($"/api/models/{teacher}/classes");
        Assert.Equal(["dataset"], (await unnamed.ProblemAsync(HttpStatusCode.BadRequest)).Fields());

        // What needs running text is refused for such a model.
        using HttpResponseMessage written = await app.Http.PostAsJsonAsync("/api/generate", new { modelId = teacher, prompt = "the man" });
        Assert.Equal(HttpStatusCode.BadRequest, written.StatusCode);
        string printed = await app.Http.GetStringAsync($"/api/reports?run={id}&format=html");
        Assert.Contains("Validation accuracy", printed);
        JsonElement told = await app.GetAsync($"/api/reports?run={id}&format=json");
        Assert.Equal((await app.GetAsync($"/api/datasets/{dataset}")).GetProperty("examples").GetProperty("heldOutTokens").GetInt64(), told.GetProperty("run").GetProperty("validationTokens").GetInt64());
        string page = await app.Http.GetStringAsync($"/runs/{id:N}/report");
        Assert.Contains("sorts texts into classes. Measured instead are accuracy", page);
        Assert.DoesNotContain("Measure everything", page);
        string card = await app.Http.GetStringAsync($"/api/models/{teacher}/card.md");
        Assert.Contains($"| Validation accuracy | {Figures.Accuracy(accuracy)} | Labelled, held out |", card);
        Assert.Contains("| Cross-entropy, nats/text | ", card);
        Assert.DoesNotContain("Nothing has been measured yet", card);
        string shown = await app.Http.GetStringAsync($"/models/{teacher:N}");
        Assert.Contains("Validation accuracy", shown);
        Assert.DoesNotContain("Validation perplexity", shown);
        using HttpResponseMessage compressed = await app.Http.PostAsJsonAsync($"/api/models/{teacher}/compress", new { transform = "magnitude-pruning" });
        Assert.Contains("Nothing is measured yet of models with classes", await app.Http.GetStringAsync($"/api/models/{(await compressed.JsonAsync()).GetProperty("id").GetGuid()}/card.md"));
        string verdict = await app.Http.GetStringAsync($"/api/verdicts?runs={bert},{id}");
        Assert.Contains("Validation accuracy", verdict);
        Assert.Contains("\"higherIsBetter\": true", verdict);
    }

    [Fact]
    public async Task Launch_WhatDoesNotBelongToClasses_IsRefusedAtItsField()
    {
        Guid masked = await app.ImportedBertAsync("Fills masks"), dataset = await app.LabelledAsync(masked), text = await app.TokenisedAsync(masked);
        RunOptions options = LabelledData.Labels(dataset);
        await app.RefusedAsync(options with { Objective = new Dictionary<string, ObjectiveTerm> { ["mlm"] = new(1) } }, "objective.mlm.weight", "Set its weight to 0 and give 'Labels' (objective.labels.weight) one.");
        await app.RefusedAsync(options with { Objective = new Dictionary<string, ObjectiveTerm>() }, "objective.labels.weight", "nothing would be minimised");
        await app.RefusedAsync(options with { Data = options.Data with { DatasetId = text.ToString() } }, "objective.labels.weight", "is for a student that sorts texts into classes");
        await app.RefusedAsync(options with { Teacher = new() { ModelId = masked.ToString() }, Student = new() { LayerCount = 1 } }, "teacher.modelId", "fills masked words, and the data set has classes");
        await app.RefusedAsync(options with { Student = options.Student with { Family = "gpt2" } }, "student.family", "sorts no texts into classes");
        await app.RefusedAsync(options with { Data = options.Data with { ContextLength = 2 } }, "data.contextLength", "expected at least 3");
        await app.RefusedAsync(options with { Guards = new() { Measure = "validationPerplexity" } }, "guards.measure", "validationAccuracy");
        Guid one = await app.LabelledAsync(masked, train: LabelledData.Csv(20).Replace("numbers", "people") + "rare,numbers\n", heldOut: null, name: "Hardly two classes");
        Assert.NotEqual(Guid.Empty, await app.StartAsync(LabelledData.Labels(one) with { Schedule = new() { MaxUpdates = 1, BatchSize = 4 } }));
        // A masked BERT goes on with a head for the classes in the place of its own.
        await CompletedAsync(await app.StartAsync(options with { Student = new() { Initialisation = "checkpoint", ModelId = masked.ToString() }, Schedule = options.Schedule with { MaxUpdates = 5 } }));
    }

    [Fact]
    public async Task Sweep_OverLabelledExamples_IsComparedByAccuracy()
    {
        Guid dataset = await app.LabelledAsync(await app.ImportedBertAsync());
        RunOptions options = LabelledData.Labels(dataset) with { Schedule = LabelledData.Labels(dataset).Schedule with { MaxUpdates = 30 } };
        object Plan(string? metric) => new { name = "Rates", options, metric, dimensions = new[] { new { name = "rate", values = new[] { new { label = "none", changes = new Dictionary<string, object> { ["optimiser.learningRate"] = 1e-8 } }, new { label = "some", changes = new Dictionary<string, object> { ["optimiser.learningRate"] = 1e-2 } } } } } };
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/sweeps", Plan("FinalValidationPerplexity"), WebJson.Options);
        JsonElement problem = await refused.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["metric"], problem.Fields());
        Assert.Contains("Choose FinalValidationAccuracy", problem.GetRawText());
        using HttpResponseMessage launched = await app.Http.PostAsJsonAsync("/api/sweeps", Plan("FinalValidationAccuracy"), WebJson.Options);
        JsonElement sweep = await launched.JsonAsync();
        Assert.True(launched.StatusCode == HttpStatusCode.Created, sweep.ToString());
        JsonElement ended = await app.PollAsync($"/api/sweeps/{sweep.GetProperty("id").GetGuid()}", one => one.GetProperty("isAtRest").GetBoolean());
        JsonElement[] groups = [.. ended.GetProperty("points").EnumerateArray()];
        Assert.True(groups[0].GetProperty("isBest").GetBoolean());
        Assert.True(groups[0].GetProperty("mean").GetDouble() > groups[1].GetProperty("mean").GetDouble(), ended.ToString());

        // Its table has what is measured of classes, with all digits, and no column of what is not.
        string[] lines = (await app.Http.GetStringAsync($"/api/sweeps/{sweep.GetProperty("id").GetGuid()}/table.csv")).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("rate,run,status,updates,FinalValidationAccuracy,validationAccuracy,validationMacroF1,validationMatthews,validationNatsPerText,teacherAccuracy,totalLoss,trainedSeconds", lines[0]);
        Assert.Equal(2, lines.Length - 1);
        foreach (string[] cells in lines.Skip(1).Select(line => line.Split(',')))
        {
            JsonElement student = (await app.GetAsync($"/api/runs/{cells[1]}")).GetProperty("validation").GetProperty("student");
            Assert.Equal(student.EnumerateObject().ToDictionary(number => number.Name, number => number.Value.GetDouble()),
                lines[0].Split(',').Zip(cells).Skip(5).Take(4).ToDictionary(cell => cell.First, cell => double.Parse(cell.Second, System.Globalization.CultureInfo.InvariantCulture)));
            Assert.Equal((cells[5], ""), (cells[4], cells[9]));
        }
    }

    [Fact]
    public async Task Pause_KeepsTheScores_AndTheRunGoesOnToItsEnd()
    {
        Guid dataset = await app.LabelledAsync(await app.ImportedBertAsync());
        RunOptions options = LabelledData.Labels(dataset, "Paused") with { Schedule = new() { Epochs = 1000, BatchSize = 8, GradientAccumulation = 1, MaxUpdates = 2000, ValidationIntervalSteps = 10, ValidationMaxTokens = 4096 } };
        Guid id = await app.StartAsync(options);
        await app.PollAsync($"/api/runs/{id}", run => run.TryGetProperty("validation", out _));
        (await app.Http.PostAsync($"/api/runs/{id}/pause", null)).EnsureSuccessStatusCode();
        JsonElement paused = await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("status").GetString() == "Paused");
        double accuracy = paused.GetProperty("validation").GetProperty("student").GetProperty("validationAccuracy").GetDouble();
        Assert.InRange(accuracy, 0, 1);
        // What the files alone say of it is what the database says.
        Action<WebDistillDb> read = StoredContents.Read(StoredKind.Run, id, app.Service<DataFolder>().Run(id), app.Service<DataFolder>());
        Run known = await app.Service<RunService>().GetAsync(id);
        Run recovered = await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            // Nothing of it is saved: the row that it adds is looked at and forgotten.
            read(db);
            await Task.CompletedTask;
            return db.ChangeTracker.Entries<Run>().Select(entry => entry.Entity).Single(run => run.Id == id);
        });
        Assert.Equal(known.Score(), recovered.Score());
        Assert.Equal(known.ValidationAccuracy, recovered.ValidationAccuracy);
        Assert.Equal(known.TotalSteps, recovered.TotalSteps);
        (await app.Http.PostAsync($"/api/runs/{id}/resume", null)).EnsureSuccessStatusCode();
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("step").GetInt32() > paused.GetProperty("step").GetInt32());
        (await app.Http.PostAsync($"/api/runs/{id}/stop", null)).EnsureSuccessStatusCode();
        JsonElement ended = await app.EndOfRunAsync(id);
        Assert.InRange(ended.GetProperty("validation").GetProperty("student").GetProperty("validationAccuracy").GetDouble(), accuracy - 0.3, 1);
    }

    [Fact]
    public async Task Table_OrderedByTheFigure_KeepsAccuraciesApart()
    {
        (double? Perplexity, double? Accuracy)[] figures = [(5, null), (null, 0.7), (3, null), (null, 0.9)];
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.AddRange(figures.Select((figure, i) => new Run
            {
                Id = Guid.CreateVersion7(), Name = $"Ordered {i}", Status = RunStatus.Completed, OptionsJson = JsonSerializer.Serialize(new RunOptions(), WebJson.Options), QueueOrder = 1000 + i,
                ValidationPerplexity = figure.Perplexity, ValidationAccuracy = figure.Accuracy,
            }));
            await db.SaveChangesAsync();
        });
        Assert.Equal([(3, null), (5, null), (null, 0.9), (null, 0.7)], await FiguresAsync(descending: false));
        Assert.Equal([(5, null), (3, null), (null, 0.7), (null, 0.9)], await FiguresAsync(descending: true));

        async Task<IEnumerable<(double?, double?)>> FiguresAsync(bool descending) => (await app.Service<RunTable>().ReadAsync(new RunQuery("Ordered", Order: RunOrder.Perplexity, Descending: descending))).Rows
            .Select(run => (run.ValidationPerplexity, run.ValidationAccuracy));
    }

    private async Task<JsonElement> CompletedAsync(Guid id)
    {
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        return run;
    }
}

/// <summary>The same through the pages.</summary>
[Trait("needs", "browser")]
public sealed class LabelledRunsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task NewRun_OverLabelledExamples_TakesTheirObjectiveAndItsPageShowsTheAccuracy()
    {
        Guid bert = await app.ImportedBertAsync(), dataset = await app.LabelledAsync(bert);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?dataset={dataset:N}");
        await Expect(visit.Page.Locator("[id='objective.labels.weight']")).ToHaveValueAsync("1");
        await Expect(visit.Page.Locator("[id='objective.clm.weight']")).ToHaveCountAsync(0);
        await Expect(visit.Page.Locator("[id='data.sequenceMode']")).ToHaveCountAsync(0);
        await Expect(visit.Page.Locator("#s-samples")).ToHaveCountAsync(0);
        await visit.Page.Locator("[id='student.layerCount']").FillAsync("1");
        await visit.Page.Locator("[id='data.contextLength']").FillAsync("16");
        await visit.Page.Locator("[id='schedule.maxUpdates']").FillAsync("20");
        await Expect(visit.Page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync("new-run-labelled");
        await visit.Page.Locator("#launch").ClickAsync();
        await Expect(visit.Page.Locator(".run-line .status")).ToContainTextAsync("Completed", new() { Timeout = 60_000 });
        await Expect(visit.Page.Locator(".answer")).ToContainTextAsync("Validation accuracy");
        await Expect(visit.Page.Locator(".head-figures")).ToContainTextAsync("Macro F1");
        await Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "Open in playground" })).ToHaveCountAsync(0);
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync("run-labelled");
    }

    [Fact]
    public async Task Pages_OfAStudentOfItsLogits_ShowTheAccuracyBesideTheTeachers()
    {
        Guid bert = await app.ImportedBertAsync(), dataset = await app.LabelledAsync(bert, name: "Requests");
        JsonElement taught = await app.EndOfRunAsync(await app.StartAsync(LabelledData.Labels(dataset, "BERT on labels") with { Seed = 2 }));
        Guid teacher = taught.GetProperty("studentModelId").GetGuid(), student = await app.StartAsync(LabelledData.FromLogits(teacher, dataset, "BiLSTM of its logits"));
        await app.EndOfRunAsync(student);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{student:N}");
        await Expect(visit.Page.Locator(".answer")).ToContainTextAsync("of the teacher's size");
        await Expect(visit.Page.Locator(".head-figures")).ToContainTextAsync("to the teacher's");
        await Expect(visit.Page.GetByRole(AriaRole.Figure, new() { NameRegex = new("^Validation accuracy over") })).ToHaveAccessibleNameAsync(new System.Text.RegularExpressions.Regex("Teacher's accuracy"));
        await KeepAsync("run-of-logits");
        await visit.Page.GotoAsync($"{app.Address}/runs/{student:N}?tab=checkpoints");
        await Expect(visit.Page.Locator(".card:has(#h-checkpoints)")).ToContainTextAsync("Validation accuracy");
        await Expect(visit.Page.Locator(".card:has(#h-checkpoints) .badge").First).ToHaveTextAsync("best");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync("run-labelled-checkpoints");
        await visit.Page.GotoAsync($"{app.Address}/runs/{student:N}?tab=classes");
        await Expect(visit.Page.Locator(".card:has(#h-classes) tbody tr")).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator(".card:has(#h-confusion) td")).ToHaveCountAsync(4);
        await KeepAsync("run-classes");
        await visit.Page.GotoAsync($"{app.Address}/");
        await Expect(visit.Page.Locator("thead")).ToContainTextAsync("Accuracy");
        await KeepAsync("runs-labelled");
        await visit.Page.GotoAsync($"{app.Address}/compare?runs={taught.GetProperty("id").GetGuid():N},{student:N}");
        await Expect(visit.Page.Locator(".verdict")).ToContainTextAsync("higher is better");
        await visit.KeepPictureAsync("compare-labelled");
        await visit.Page.GotoAsync($"{app.Address}/runs/new?teacher={teacher:N}&dataset={dataset:N}");
        await Expect(visit.Page.Locator("[id='objective.labels.weight']")).ToHaveValueAsync("0.1");
        await Expect(visit.Page.Locator("[id='objective.ce.weight']")).ToHaveValueAsync("0.9");
        await KeepAsync("new-run-of-logits");

        // In both themes, and on a phone.
        async Task KeepAsync(string name)
        {
            await visit.AssertAccessibleAsync();
            await visit.KeepPictureAsync(name);
            await visit.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
            await visit.KeepPictureAsync($"{name}-dark");
            await visit.Page.SetViewportSizeAsync(400, 800);
            await visit.KeepPictureAsync($"{name}-phone");
            await visit.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
            await visit.Page.SetViewportSizeAsync(1440, 900);
        }
    }
}
