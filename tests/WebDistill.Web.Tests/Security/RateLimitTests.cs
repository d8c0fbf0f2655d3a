using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Models;
using WebDistill.Web.Tests.Live;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Security;

/// <summary>How much one client may ask for and hold open; pages, files and the hub's connections are not counted.</summary>
public sealed class RateLimitTests
{
    [Fact]
    public async Task Expensive_BeyondTheBurst_Is429AndPagesAndFilesAreServed()
    {
        await using var app = new WebDistillApp(null, new Dictionary<string, string>
        {
            ["Limits:ExpensiveBurst"] = "3", ["Limits:ExpensivePerSecond"] = "1",
        });
        List<HttpStatusCode> statuses = [];
        for (int i = 0; i < 8; i++)
        {
            using HttpResponseMessage plan = await app.Http.PostAsJsonAsync("/api/runs/plan", new { });
            statuses.Add(plan.StatusCode);
            if (plan.StatusCode != HttpStatusCode.TooManyRequests)
                continue;
            JsonElement problem = await plan.ProblemAsync(HttpStatusCode.TooManyRequests);
            Assert.Contains("Limits:ExpensivePerSecond", problem.GetProperty("detail").GetString());
            Assert.True(plan.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
        }
        Assert.Equal([HttpStatusCode.BadRequest, HttpStatusCode.BadRequest, HttpStatusCode.BadRequest], statuses.Take(3));
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
        foreach (string path in new[] { "/", "/js/curves.js", "/api/runs", "/healthz", "/openapi/v1.json" })
        {
            using HttpResponseMessage response = await app.Http.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task Transfers_BeyondTheLimitAndItsLine_Are429()
    {
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["Limits:TransfersPerClient"] = "1" });
        // An upload that never ends holds the place; of those that come then, one waits for it and the others are refused.
        using var never = new CancellationTokenSource();
        using var held = new EndlessContent();
        // The factory's client would read a body to its end before it sends it.
        using var streaming = new HttpClient { BaseAddress = new Uri(app.Address) };
        Task<HttpResponseMessage> upload = streaming.PostAsync("/api/datasets", held, never.Token);
        while (!Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")).Any())
            await Task.Delay(20);
        List<Task<HttpResponseMessage>> others = [.. Enumerable.Range(0, 4).Select(_ => app.Http.GetAsync("/api/storage"))];
        for (int refused = 0; refused < 3; refused++)
        {
            Task<HttpResponseMessage> answered = await Task.WhenAny(others);
            others.Remove(answered);
            using HttpResponseMessage response = await answered;
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.TooManyRequests);
            Assert.Contains("Limits:TransfersPerClient", problem.GetProperty("detail").GetString());
            Assert.NotNull(response.Headers.RetryAfter);
        }
        await never.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => upload);
        using HttpResponseMessage waited = await others[0];
        Assert.Equal(HttpStatusCode.OK, waited.StatusCode);
    }

    [Fact]
    public async Task Generations_AsManyAsMayBeOpen_RefuseTheNextAndGiveTheirPlacesBack()
    {
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["Limits:OpenGenerations"] = "1" });
        Model model = await SmallModels.ImportAsync(app, "Small", 1);
        object request = new { modelId = model.Id, prompt = "a", maxNewTokens = 2 };
        using (app.Service<GenerationTurn>().Open())
        {
            using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/generate", request);
            JsonElement problem = await refused.ProblemAsync(HttpStatusCode.TooManyRequests);
            Assert.Contains("Limits:OpenGenerations", problem.GetProperty("detail").GetString());
            Assert.NotNull(refused.Headers.RetryAfter);
            using HttpResponseMessage compared = await app.Http.PostAsJsonAsync("/api/compare-tokens",
                new { teacherId = model.Id, studentId = model.Id, text = "a bird sat" });
            await compared.ProblemAsync(HttpStatusCode.TooManyRequests);
        }
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage answered = await app.Http.PostAsJsonAsync("/api/generate", request);
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        }
    }

    [Fact]
    public async Task Watches_AsManyAsAClientMayHold_RefuseTheNextUntilOneEnds()
    {
        const int most = 10;
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["Limits:WatchesPerClient"] = $"{most}" });
        Guid run = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000));
        List<CurvesClient> clients = [];
        for (int i = 0; i < most; i++)
        {
            clients.Add(await CurvesClient.WatchAsync(app.Address, run, 0));
            Assert.NotNull(await clients[i].NextAsync());
        }
        await using (CurvesClient refused = await CurvesClient.WatchAsync(app.Address, run, 0))
            Assert.Contains("Limits:WatchesPerClient", await refused.ErrorAsync());
        await clients[0].DisposeAsync();
        for (bool admitted = false; !admitted; await Task.Delay(50))
        {
            await using CurvesClient next = await CurvesClient.WatchAsync(app.Address, run, 0);
            admitted = await next.IsAdmittedAsync();
        }
        foreach (CurvesClient client in clients.Skip(1))
            await client.DisposeAsync();
    }

    /// <summary>A form whose file goes on for ever.</summary>
    private sealed class EndlessContent : HttpContent
    {
        public EndlessContent() => Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=b");

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancel)
        {
            await stream.WriteAsync("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n"u8.ToArray(), cancel);
            for (; ; await Task.Delay(50, cancel))
            {
                await stream.WriteAsync("word "u8.ToArray(), cancel);
                await stream.FlushAsync(cancel);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
