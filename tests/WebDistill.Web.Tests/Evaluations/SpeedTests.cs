using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Evaluations;

/// <summary>A speed is measured on an idle machine, or says what trained beside it; what reads texts does not wait.</summary>
[Trait("takes", "long")]
public sealed class SpeedTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Speed_WhileARunTrains_WaitsOrSaysWhatTrained()
    {
        string folder = app.Service<EvaluationFiles>().Folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "tale.txt"), "One day the bird sat on the wall. The dog came to the wall. The bird sang.");
        Model first = await SmallModels.ImportAsync(app, "First", 1), second = await SmallModels.ImportAsync(app, "Second", 2);
        Guid run = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 50_000, name: "Long training"));
        await app.PollAsync($"/api/runs/{run}", one => one.GetProperty("status").GetString() == "Running");

        Guid waits = await AskAsync(new { modelId = first.Id, set = "speed" }), waitsToo = await AskAsync(new { modelId = second.Id, set = "speed" });
        // Asked for later and measured first: its figures are the same whatever trains.
        await DoneAsync(await AskAsync(new { modelId = first.Id, set = "text", fileName = "tale.txt" }));
        Assert.Equal(("Queued", "Queued"), (await StatusAsync(waits), await StatusAsync(waitsToo)));

        using (HttpResponseMessage now = await app.Http.PostAsync($"/api/evaluations/{waits}/now", null))
            Assert.Equal(HttpStatusCode.Accepted, now.StatusCode);
        JsonElement result = (await DoneAsync(waits)).GetProperty("result");
        Assert.Equal("Measured while Long training trained: an idle machine is faster.", result.GetProperty("disturbance").GetString());
        JsonElement[] figures = [.. result.GetProperty("figures").EnumerateArray()];
        Assert.DoesNotContain(figures, figure => figure.GetProperty("name").GetString()!.Contains("process"));
        foreach (JsonElement figure in figures.Where(figure => figure.GetProperty("unit").GetString() is "tokens/s" or "ms"))
            Assert.InRange(figure.GetProperty("value").GetDouble(), figure.GetProperty("lowest").GetDouble(), figure.GetProperty("highest").GetDouble());
        // Two layers of width 32 and 128 positions: keys and values are 2 · 2 · 128 · 32 numbers of 4 bytes.
        Assert.Equal(65_536, figures.Single(figure => figure.GetProperty("name").GetString() == "Keys and values of one text").GetProperty("value").GetDouble());
        using (HttpResponseMessage again = await app.Http.PostAsync($"/api/evaluations/{waits}/now", null))
            Assert.Contains("does not wait", (await again.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());

        Assert.Equal("Queued", await StatusAsync(waitsToo));
        using (HttpResponseMessage stopped = await app.Http.PostAsync($"/api/runs/{run}/stop", null))
            Assert.True(stopped.IsSuccessStatusCode);
        // The end of the run is what it has waited for.
        Assert.Equal(JsonValueKind.Null, (await DoneAsync(waitsToo)).GetProperty("result").GetProperty("disturbance").ValueKind);
    }

    private async Task<Guid> AskAsync(object request)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/evaluations", request);
        JsonElement answer = await response.JsonAsync();
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer.GetProperty("id").GetGuid();
    }

    private async Task<string?> StatusAsync(Guid id) => (await app.GetAsync($"/api/evaluations/{id}")).GetProperty("status").GetString();

    private async Task<JsonElement> DoneAsync(Guid id)
    {
        JsonElement done = await app.PollAsync($"/api/evaluations/{id}", one => one.GetProperty("status").GetString() is not ("Queued" or "Running"));
        Assert.Equal("Completed", done.GetProperty("status").GetString());
        return done;
    }
}
