using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Reports;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Evaluations;

[Trait("takes", "long")]
public sealed class EvaluationTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task File_MeasuredByApi_AnswersWithFiguresCountsAndProtocolOnce()
    {
        WriteText("tale.txt", "One day the bird sat on the wall. The dog came to the wall. The bird sang.");
        Model model = await SmallModels.ImportAsync(app, "Measured", 1);
        object request = new { modelId = model.Id, set = "text", fileName = "tale.txt", contextLength = 16, stride = 8 };
        using HttpResponseMessage created = await app.Http.PostAsJsonAsync("/api/evaluations", request);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Guid id = (await created.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement done = await DoneAsync(id);
        Assert.Equal("Completed", done.GetProperty("status").GetString());
        Assert.Equal(model.WeightsSha256, done.GetProperty("weightsSha256").GetString());
        JsonElement result = done.GetProperty("result");
        Assert.Equal(3, result.GetProperty("figures").GetArrayLength());
        Assert.True(result.GetProperty("figures")[0].GetProperty("value").GetDouble() > 1);
        Assert.Contains("Windows of 16 tokens begin every 8", result.GetProperty("protocol").GetString());

        // The same weights under another name, the same text and protocol: nothing is computed.
        Model twin = await SmallModels.ImportAsync(app, "Twin", 1);
        using HttpResponseMessage again = await app.Http.PostAsJsonAsync("/api/evaluations",
            new { modelId = twin.Id, set = "text", fileName = "tale.txt", contextLength = 16, stride = 8 });
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(id, (await again.JsonAsync()).GetProperty("id").GetGuid());

        // Another stride is another protocol.
        using HttpResponseMessage other = await app.Http.PostAsJsonAsync("/api/evaluations",
            new { modelId = model.Id, set = "text", fileName = "tale.txt", contextLength = 16, stride = 16 });
        Assert.Equal(HttpStatusCode.Created, other.StatusCode);
        Assert.NotEqual(id, (await other.JsonAsync()).GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task BadRequests_NameTheFieldTheValueAndWhatWasExpected()
    {
        WriteText("tale.txt", "One day the bird sat on the wall.");
        Model model = await SmallModels.ImportAsync(app, "Refused", 2);
        Model bare = await SmallModels.ImportAsync(app, "Bare", 3, withTokenizer: false);
        async Task<string> DetailAsync(string field, object request)
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/evaluations", request);
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
            Assert.Contains(field, problem.Fields());
            return problem.GetProperty("detail").GetString()!;
        }

        Assert.Contains("lambada", await DetailAsync("set", new { modelId = model.Id, set = "lambda" }));
        Assert.Contains("comes from", await DetailAsync("set", new { modelId = model.Id, set = "ptb" }));
        Assert.Contains("128 positions", await DetailAsync("contextLength", new { modelId = model.Id, set = "speed", contextLength = 129 }));
        Assert.Contains("stride is 17", await DetailAsync("stride", new { modelId = model.Id, set = "text", fileName = "tale.txt", contextLength = 16, stride = 17 }));
        Assert.Contains("tale.txt", await DetailAsync("fileName", new { modelId = model.Id, set = "text", fileName = "../secret.txt" }));
        Assert.Contains("needs a text", await DetailAsync("datasetId", new { modelId = model.Id, set = "text" }));
        Assert.Contains("Name the teacher", await DetailAsync("referenceModelId", new { modelId = model.Id, set = "fidelity", fileName = "tale.txt" }));
        Assert.Contains("vocab.json", await DetailAsync("modelId", new { modelId = bare.Id, set = "text", fileName = "tale.txt" }));
        Assert.Contains("no model", await DetailAsync("modelId", new { modelId = Guid.NewGuid(), set = "speed" }));
        Assert.Contains("another tokenizer", await DetailAsync("datasetId", new { modelId = model.Id, set = "text", datasetId = await app.ReadyDatasetAsync() }));
    }

    [Fact]
    public async Task Failure_IsToldAndTheNextOneIsMeasured()
    {
        WriteText("one-token.txt", "a");
        WriteText("fine.txt", "The bird sat on the wall.");
        Model model = await SmallModels.ImportAsync(app, "Unlucky", 4);
        Guid failing = await AskAsync(new { modelId = model.Id, set = "text", fileName = "one-token.txt" });
        Guid fine = await AskAsync(new { modelId = model.Id, set = "text", fileName = "fine.txt" });
        JsonElement failed = await DoneAsync(failing);
        Assert.Equal("Failed", failed.GetProperty("status").GetString());
        Assert.Contains("1 tokens, expected at least 2", failed.GetProperty("error").GetString());
        Assert.Equal("Completed", (await DoneAsync(fine)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Cancelled_GoesOnFromWhatItHadAndEndsWithTheSameFigures()
    {
        WriteText("long.txt", string.Concat(Enumerable.Range(0, 20_000).Select(i => $"The bird number {i % 97} sat on the wall. ")));
        Model model = await SmallModels.ImportAsync(app, "Interrupted", 5);
        object request = new { modelId = model.Id, set = "text", fileName = "long.txt", contextLength = 64, stride = 64 };
        Guid id = await AskAsync(request);
        await app.PollAsync($"/api/evaluations/{id}", e => e.GetProperty("doneUnits").GetInt64() > 0);
        using (HttpResponseMessage cancelled = await app.Http.PostAsync($"/api/evaluations/{id}/cancel", null))
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        // Its state is saved by the thread that computes, after the part that it is in.
        Evaluation row = await app.PollRowAsync(id, e => e.StateJson is not null);
        Assert.Equal(EvaluationStatus.Cancelled, row.Status);
        Assert.InRange(row.DoneUnits, 1, row.TotalUnits - 1);
        long reached = row.DoneUnits;

        using (HttpResponseMessage again = await app.Http.PostAsJsonAsync("/api/evaluations", request))
            Assert.Equal(id, (await again.JsonAsync()).GetProperty("id").GetGuid());
        long least = long.MaxValue;
        JsonElement done = await app.PollAsync($"/api/evaluations/{id}", e =>
        {
            least = Math.Min(least, e.GetProperty("doneUnits").GetInt64());
            return e.GetProperty("status").GetString() == "Completed";
        });
        Assert.True(least >= reached, $"It began again: {least} after {reached} units were done.");
        using HttpResponseMessage whole = await app.Http.DeleteAsync($"/api/evaluations/{id}");
        Assert.Equal(HttpStatusCode.NoContent, whole.StatusCode);
        JsonElement fresh = await DoneAsync(await AskAsync(request));
        Assert.Equal(done.GetProperty("result").GetRawText(), fresh.GetProperty("result").GetRawText());
    }

    [Fact]
    public async Task LeftRunningByAnEarlierProcess_GoesOnAfterTheStart()
    {
        string root = Directory.CreateTempSubdirectory("webdistill-").FullName;
        try
        {
            Guid id;
            using (var first = new WebDistillApp(root))
            {
                Directory.CreateDirectory(Path.Combine(root, "evaluation"));
                File.WriteAllText(Path.Combine(root, "evaluation", "tale.txt"), "The bird sat on the wall and the dog ran.");
                Model model = await SmallModels.ImportAsync(first, "Cut", 6);
                id = (await first.Service<EvaluationService>().CreateAsync(
                    new EvaluationRequest { ModelId = model.Id, Set = "text", FileName = "tale.txt" })).Evaluation.Id;
                await first.PollRowAsync(id, e => e.Status == EvaluationStatus.Completed);
                // As kill -9 leaves it.
                await first.Service<DatabaseWriter>().WriteAsync(db => db.Evaluations.ExecuteUpdateAsync(set => set
                    .SetProperty(e => e.Status, EvaluationStatus.Running).SetProperty(e => e.ResultJson, (string?)null)));
            }
            using var second = new WebDistillApp(root);
            Assert.NotNull((await second.PollRowAsync(id, e => e.Status == EvaluationStatus.Completed)).ResultJson);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public async Task ModelInUse_IsNotDeleted_AndOneDeletedBeforeItsTurnIsToldPlainly()
    {
        WriteText("long.txt", string.Concat(Enumerable.Range(0, 60_000).Select(i => $"The bird number {i % 97} sat on the wall. ")));
        Model busy = await SmallModels.ImportAsync(app, "Busy", 7), waiting = await SmallModels.ImportAsync(app, "Waiting", 8);
        Guid first = await AskAsync(new { modelId = busy.Id, set = "text", fileName = "long.txt", contextLength = 64, stride = 8 });
        Guid second = await AskAsync(new { modelId = waiting.Id, set = "text", fileName = "long.txt" });
        await app.PollAsync($"/api/evaluations/{first}", e => e.GetProperty("doneUnits").GetInt64() > 0);
        using (HttpResponseMessage refused = await app.Http.DeleteAsync($"/api/models/{busy.Id}"))
            Assert.Contains("being evaluated", (await refused.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());
        using (HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/models/{waiting.Id}"))
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using (HttpResponseMessage cancelled = await app.Http.PostAsync($"/api/evaluations/{first}/cancel", null))
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
        JsonElement told = await DoneAsync(second);
        Assert.Equal("Failed", told.GetProperty("status").GetString());
        Assert.Contains("may have been deleted", told.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Report_OfTeacherAndStudent_HasRatiosFidelityAndEveryFormat()
    {
        WriteText("report.txt", string.Concat(Enumerable.Range(0, 40).Select(i => $"The bird number {i % 7} sat on the wall, and sang. ")));
        Model teacher = await SmallModels.ImportAsync(app, "The | teacher", 9), student = await SmallModels.ImportAsync(app, "=Student <b>", 10);
        foreach (object request in new object[]
        {
            new { modelId = teacher.Id, set = "text", fileName = "report.txt", contextLength = 32 },
            new { modelId = student.Id, set = "text", fileName = "report.txt", contextLength = 32 },
            new { modelId = student.Id, referenceModelId = teacher.Id, set = "fidelity", fileName = "report.txt", contextLength = 32 },
        })
            Assert.Equal("Completed", (await DoneAsync(await AskAsync(request))).GetProperty("status").GetString());

        string query = $"/api/reports?models={student.Id:N},{teacher.Id:N}&teacher={teacher.Id:N}";
        JsonElement report = await app.GetAsync(query);
        Assert.Equal(["The | teacher", "=Student <b>"], report.GetProperty("models").EnumerateArray().Select(model => model.GetProperty("name").GetString()!));
        JsonElement text = report.GetProperty("sections").EnumerateArray().Single(section => section.GetProperty("set").GetString() == "text");
        double[] values = [.. text.GetProperty("rows")[0].GetProperty("values").EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(values[1] / values[0], text.GetProperty("rows")[0].GetProperty("ratios")[1].GetDouble(), 12);
        JsonElement fidelity = report.GetProperty("sections").EnumerateArray().Single(section => section.GetProperty("set").GetString() == "fidelity");
        Assert.Equal(JsonValueKind.Null, fidelity.GetProperty("rows")[0].GetProperty("values")[0].ValueKind);

        string markdown = await app.Http.GetStringAsync($"{query}&format=md");
        Assert.Contains("The \\| teacher", markdown);
        Assert.Contains("Windows of 32 tokens begin every 16", markdown);
        Assert.Contains(teacher.WeightsSha256, markdown);
        string csv = await app.Http.GetStringAsync($"{query}&format=csv");
        Assert.Contains(",'=Student <b>,", csv);
        Assert.Contains(values[1].ToString("R", System.Globalization.CultureInfo.InvariantCulture), csv);
        string html = await app.Http.GetStringAsync($"{query}&format=html");
        Assert.Contains("=Student &lt;b&gt;", html);
        Assert.Contains("class=\"report-chart\"", html);
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("http://", html);
        using HttpResponseMessage unknown = await app.Http.GetAsync($"{query}&format=pdf");
        Assert.Contains("html, md, csv, json", (await unknown.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        using HttpResponseMessage none = await app.Http.GetAsync("/api/reports");
        Assert.Equal(HttpStatusCode.BadRequest, none.StatusCode);
    }

    [Fact]
    public void Chart_ValuesAndGaps_ArePlacedOnRoundTicks()
    {
        var chart = new ReportChart("Mean KL", "position", "nats", ["1", "2", "3"], [new ReportLine("Student", "student", [1, null, 3])]);
        string svg = chart.ToSvg();
        Assert.Contains(">3</text>", svg);
        // A gap: two strokes of one point each, and two points.
        Assert.Equal(2, svg.Split("<circle").Length - 1);
        Assert.Equal(2, svg.Split("class=\"line student\" d=\"")[1].Split('"')[0].Count(letter => letter == 'M'));
        Assert.Contains("1 1.000, 3 3.000", chart.Summary);
    }

    private async Task<Guid> AskAsync(object request)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/evaluations", request);
        JsonElement answer = await response.JsonAsync();
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer.GetProperty("id").GetGuid();
    }

    private Task<JsonElement> DoneAsync(Guid id) => app.PollAsync(
        $"/api/evaluations/{id}", e => e.GetProperty("status").GetString() is not ("Queued" or "Running"));

    private void WriteText(string name, string text)
    {
        string folder = app.Service<EvaluationFiles>().Folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), text);
    }
}

internal static class EvaluationPolling
{
    /// <summary>Reads an evaluation's row until it is as wanted.</summary>
    public static async Task<Evaluation> PollRowAsync(this WebDistillApp app, Guid id, Func<Evaluation, bool> isDone)
    {
        for (int i = 0; i < 600; i++)
        {
            Evaluation row = await app.Service<EvaluationService>().GetAsync(id);
            if (isDone(row))
                return row;
            await Task.Delay(100);
        }
        throw new TimeoutException($"The evaluation {id} is {(await app.Service<EvaluationService>().GetAsync(id)).Status} after a minute.");
    }
}
