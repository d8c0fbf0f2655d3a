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
            options = Product.TinyTraining(await app.ReadyDatasetAsync()) with { Name = "", ValidationIntervalSteps = 0 },
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
    public async Task Post_BadPlan_NamesEveryField()
    {
        using HttpResponseMessage unread = await app.Http.PostAsJsonAsync("/api/sweeps", new
        {
            name = 1,
            options = new { epochs = "many" },
            dimensions = new object[] { new { name = "T", values = new[] { new { label = "4" } } } },
        });
        Assert.Equal(["dimensions[0].values[0].changes", "name", "options.epochs"],
            (await unread.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage invalid =
            await app.Http.PostAsJsonAsync("/api/sweeps", new { name = " ", dimensions = Array.Empty<object>() });
        Assert.Equal(["dimensions", "name"], (await invalid.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage text = await app.Http.PostAsync("/api/sweeps", new StringContent("{}"));
        await text.ProblemAsync(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task Post_NumbersBeyond64Bits_AreToldBeforeThePointsAreMade()
    {
        string plan = """{"name": "Huge", "options": {"dropout": DIGITS, "learningRate": DIGITS}, "dimensions": [{"name": "T", "values": [{"label": "4", "changes": {"temperature": 4}}]}]}""".Replace("DIGITS", new string('9', 400), StringComparison.Ordinal);
        using HttpResponseMessage refused = await app.Http.PostAsync("/api/sweeps", new StringContent(plan, System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal(["options.dropout", "options.learningRate"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
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
