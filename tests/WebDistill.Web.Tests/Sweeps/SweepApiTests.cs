using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Post_GoodPlan_TrainsEveryRunAndNamesTheBest()
    {
        object plan = new
        {
            name = "Rates",
            options = Product.TinyTraining(await app.ReadyDatasetAsync()).With(o => o with { Name = "",
                Schedule = o.Schedule with { ValidationIntervalSteps = 0 } }),
            dimensions = new[]
            {
                new
                {
                    name = "rate",
                    values = new[]
                    {
                        new { label = "far too small", changes = new { learningRate = 1e-9 } },
                        new { label = "good", changes = new { learningRate = 3e-3 } },
                    },
                },
            },
        };
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/sweeps", plan, WebJson.Options);
        JsonElement created = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, created.ToString());
        Assert.Equal($"/api/sweeps/{created.GetProperty("id").GetGuid()}", response.Headers.Location!.ToString());
        Assert.Equal(2, created.GetProperty("runCount").GetInt32());
        JsonElement ended = await app.PollAsync(response.Headers.Location.ToString(), sweep => sweep.GetProperty("isAtRest").GetBoolean());
        JsonElement best = ended.GetProperty("points")[0];
        Assert.True(best.GetProperty("isBest").GetBoolean(), ended.ToString());
        Assert.Equal("good", best.GetProperty("labels").GetProperty("rate").GetString());
        Assert.Equal(1, best.GetProperty("n").GetInt32());
        Assert.Equal(JsonValueKind.Null, best.GetProperty("halfWidth95").ValueKind);
        JsonElement listed = (await app.GetAsync("/api/sweeps")).EnumerateArray()
            .Single(sweep => sweep.GetProperty("name").GetString() == "Rates");
        Assert.Equal("rate = good", listed.GetProperty("bestPoint").GetString());
    }

    [Fact]
    public async Task Post_Halved_TellsWhoWentOn_AndTheVerdictIsThatOfThePage()
    {
        object plan = new
        {
            name = "Halved",
            options = Product.TinyTraining(await app.ReadyDatasetAsync()).With(o => o with { Name = "" }),
            dimensions = new[] { new { name = "rate", values = new[] { new { label = "small", changes = new { learningRate = 1e-9 } }, new { label = "good", changes = new { learningRate = 3e-3 } } } } },
            halving = new { firstRungUpdates = 5, eta = 2 },
        };
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/sweeps", plan, WebJson.Options);
        JsonElement created = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, created.ToString());
        Assert.Equal(5, created.GetProperty("plan").GetProperty("halving").GetProperty("firstRungUpdates").GetInt32());
        string address = response.Headers.Location!.ToString();
        JsonElement ended = await app.PollAsync(address, sweep => sweep.GetProperty("isAtRest").GetBoolean());
        JsonElement rung = Assert.Single(ended.GetProperty("rungs").EnumerateArray());
        Assert.Equal(["rate = good", "rate = small"], rung.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("point").GetString()));
        Assert.Equal([true, false], rung.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("goesOn").GetBoolean()));

        JsonElement verdict = await app.GetAsync($"{address}/verdict");
        Assert.Equal("INCONCLUSIVE", verdict.GetProperty("word").GetString());
        Assert.StartsWith("rate = good alone was trained to its end", verdict.GetProperty("sentence").GetString());
        Assert.Equal(["rate = good", "rate = small"], verdict.GetProperty("arms").EnumerateArray().Select(arm => arm.GetProperty("title").GetString()));
        string html = await app.Http.GetStringAsync($"{address}/verdict?format=html");
        Assert.StartsWith("<!doctype html>", html);
        Assert.DoesNotContain("http", html.Replace("http-equiv", ""));
        Assert.StartsWith("# INCONCLUSIVE", await app.Http.GetStringAsync($"{address}/verdict?format=md"));
        using HttpResponseMessage unknown = await app.Http.GetAsync($"{address}/verdict?format=pdf&against=me");
        Assert.Equal(["format"], (await unknown.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage against = await app.Http.GetAsync($"{address}/verdict?against=me");
        Assert.Equal(["against"], (await against.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/sweeps", new { name = "x", halving = new { eta = 1, firstRungUpdates = 0, rate = 2 } });
        Assert.Contains("halving.rate", (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Post_BadPlan_NamesEveryField()
    {
        using HttpResponseMessage unread = await app.Http.PostAsJsonAsync("/api/sweeps", new
        {
            name = 1,
            options = new { epochs = "many" },
            dimensions = new object[] { new { name = "T", values = new[] { new { label = "4" } } } },
        });
        Assert.Equal(["dimensions[0].values[0].changes", "name", "options.schedule.epochs"],
            (await unread.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage invalid =
            await app.Http.PostAsJsonAsync("/api/sweeps", new { name = " ", dimensions = Array.Empty<object>() });
        Assert.Equal(["dimensions", "name"], (await invalid.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage shapeless = await app.Http.PostAsJsonAsync("/api/sweeps", new
        {
            options = 5,
            dimensions = new object[] { "T", new { name = "T", values = new object[] { 4, new { label = "8", changes = 8 } } }, new { name = "rate", range = "1e-5 to 1e-3" } },
        });
        JsonElement errors = (await shapeless.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors");
        Assert.Equal(
        [
            """dimensions[0]: The text is a JSON String, expected an object such as {"name": "T", "values": [{"label": "4", "changes": {"objective.ce.temperature": 4}}]}.""",
            """dimensions[1].values[0]: The text is a JSON Number, expected an object such as {"label": "4", "changes": {"objective.ce.temperature": 4}}.""",
            """dimensions[1].values[1].changes: The value is 8, expected an object.""",
            """dimensions[2].range: The text is a JSON String, expected an object such as {"option": "optimiser.learningRate", "minimum": 1e-5, "maximum": 1e-3, "logarithmic": true}.""",
            """options: The text is a JSON Number, expected an object such as {"schedule": {"epochs": 2}}.""",
        ], errors.EnumerateObject().Select(error => $"{error.Name}: {error.Value[0].GetString()}").Order(StringComparer.Ordinal));
        using HttpResponseMessage text = await app.Http.PostAsync("/api/sweeps", new StringContent("{}"));
        await text.ProblemAsync(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task Post_NumbersBeyond64Bits_AreToldBeforeThePointsAreMade()
    {
        string plan = """{"name": "Huge", "options": {"dropout": DIGITS, "learningRate": DIGITS}, "dimensions": [{"name": "T", "values": [{"label": "4", "changes": {"temperature": 4}}]}]}""".Replace("DIGITS", new string('9', 400), StringComparison.Ordinal);
        using HttpResponseMessage refused = await app.Http.PostAsync("/api/sweeps", new StringContent(plan, System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal(["options.optimiser.learningRate", "options.student.dropout"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task StopTablesAndDelete_RecordedSweep_DoWhatTheySay()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "T, \"all\"");
        using HttpResponseMessage csv = await app.Http.GetAsync($"/api/sweeps/{sweep.Id}/table.csv");
        Assert.Equal("text/csv", csv.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("T,seed,run,", await csv.Content.ReadAsStringAsync());
        Assert.Contains("| 4 | 10.00 |", await app.Http.GetStringAsync($"/api/sweeps/{sweep.Id}/table.md"));

        using HttpResponseMessage stopped = await app.Http.PostAsync($"/api/sweeps/{sweep.Id}/stop", null);
        Assert.Equal(HttpStatusCode.Accepted, stopped.StatusCode);
        Assert.True((await stopped.JsonAsync()).GetProperty("isAtRest").GetBoolean());

        using HttpResponseMessage undecided = await app.Http.DeleteAsync($"/api/sweeps/{sweep.Id}");
        Assert.Equal(["runs"], (await undecided.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/sweeps/{sweep.Id}?runs=delete");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using HttpResponseMessage gone = await app.Http.GetAsync($"/api/sweeps/{sweep.Id}");
        await gone.ProblemAsync(HttpStatusCode.NotFound);
        Assert.DoesNotContain((await app.GetAsync("/api/runs")).EnumerateArray(),
            run => run.GetProperty("name").GetString()!.StartsWith("T, \"all\"", StringComparison.Ordinal));
    }
}
