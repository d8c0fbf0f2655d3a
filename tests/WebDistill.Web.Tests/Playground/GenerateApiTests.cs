using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebDistill.Web.Tests.Playground;

public sealed class GenerateApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private static object Request(Guid modelId, string? prompt = "The bird", int[]? promptIds = null, bool stream = false,
        int maxNewTokens = 8) =>
        new { modelId, prompt, promptIds, stream, maxNewTokens, stopAtEndOfText = false, seed = 3 };

    [Fact]
    public async Task Generate_TextPrompt_SameInOnePieceAndStreamed()
    {
        Guid model = await app.ImportedModelAsync();
        string expectedSha256 = (await app.GetAsync($"/api/models/{model}")).GetProperty("weightsSha256").GetString()!;
        using HttpResponseMessage whole = await app.Http.PostAsJsonAsync("/api/generate", Request(model));
        JsonElement answer = await whole.JsonAsync();
        Assert.True(whole.IsSuccessStatusCode, answer.ToString());
        int[] ids = [.. answer.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal(8, ids.Length);
        Assert.Equal(expectedSha256, answer.GetProperty("weightsSha256").GetString());
        Assert.True(answer.GetProperty("tokensPerSecond").GetDouble() > 0);

        using HttpResponseMessage streamed = await app.Http.PostAsJsonAsync("/api/generate", Request(model, stream: true));
        Assert.Equal("application/x-ndjson", streamed.Content.Headers.ContentType!.MediaType);
        JsonElement[] events =
            [.. (await streamed.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n')
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
        Assert.All(events, e => Assert.Equal(expectedSha256, e.GetProperty("weightsSha256").GetString()));
        Assert.Equal(0, events[0].GetProperty("tokens").GetInt32());
        Assert.Equal(ids, events.Where(e => e.GetProperty("id").ValueKind == JsonValueKind.Number)
            .Select(e => e.GetProperty("id").GetInt32()));
        Assert.Equal(answer.GetProperty("text").GetString(), string.Concat(events.Select(e => e.GetProperty("text").GetString())));
        Assert.Equal("MaxNewTokens", events[^1].GetProperty("stopReason").GetString());
    }

    [Fact]
    public async Task Generate_ModelWithoutTokenizer_TakesIdsAndRefusesText()
    {
        Guid model = await app.ImportedModelAsync(withTokenizer: false);
        using HttpResponseMessage ids = await app.Http.PostAsJsonAsync("/api/generate", Request(model, prompt: null, promptIds: [1, 2, 3]));
        Assert.Equal(8, (await ids.JsonAsync()).GetProperty("ids").GetArrayLength());
        using HttpResponseMessage text = await app.Http.PostAsJsonAsync("/api/generate", Request(model));
        JsonElement problem = await text.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["prompt"], problem.Fields());
        Assert.Contains("vocab.json", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Generate_SeveralAtOnceWhileTraining_AllAnswerTheSame()
    {
        Guid run = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000));
        Guid model = await app.ImportedModelAsync();
        JsonElement[] answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/generate", Request(model));
            return await response.JsonAsync();
        }));
        Assert.Single(answers.Select(answer => answer.GetProperty("ids").ToString()).Distinct());
        using HttpResponseMessage stop = await app.Http.PostAsync($"/api/runs/{run}/stop", null);
        Assert.Equal("Stopped", (await app.EndOfRunAsync(run)).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("""{"prompt": "x"}""", HttpStatusCode.BadRequest, "modelId")]
    [InlineData("""{"modelId": "x", "prompt": 1, "topk": 2}""", HttpStatusCode.BadRequest, "modelId prompt topk")]
    [InlineData("""{"modelId": "MODEL"}""", HttpStatusCode.BadRequest, "prompt")]
    [InlineData("""{"modelId": "MODEL", "prompt": "x", "promptIds": [1]}""", HttpStatusCode.BadRequest, "prompt")]
    [InlineData("""{"modelId": "MODEL", "prompt": "x", "temperature": 0, "topP": 0, "topK": -1, "maxNewTokens": 1000000000}""",
        HttpStatusCode.BadRequest,
        "maxNewTokens temperature topK topP")]
    [InlineData("""{"modelId": "MODEL", "prompt": "x", "repetitionPenalty": 0, "stopStrings": ["a", ""]}""", HttpStatusCode.BadRequest,
        "repetitionPenalty stopStrings")]
    [InlineData("""{"modelId": "MODEL", "prompt": "x", "stopStrings": "a"}""", HttpStatusCode.BadRequest, "stopStrings")]
    [InlineData("""{"modelId": "MODEL", "promptIds": [1, 99999]}""", HttpStatusCode.BadRequest, "promptIds")]
    [InlineData("""{"modelId": "MODEL", "promptIds": []}""", HttpStatusCode.BadRequest, "promptIds")]
    [InlineData("""{"modelId": "00000000-0000-0000-0000-000000000001", "prompt": "x"}""", HttpStatusCode.NotFound, "")]
    public async Task Generate_BadRequest_IsProblemDetails(string body, HttpStatusCode status, string fields)
    {
        Guid model = await app.ImportedModelAsync();
        foreach (bool stream in new[] { false, true })
        {
            string json = body.Replace("MODEL", model.ToString()).Replace("}", stream ? ", \"stream\": true}" : "}");
            using HttpResponseMessage response =
                await app.Http.PostAsync("/api/generate", new StringContent(json, null, "application/json"));
            JsonElement problem = await response.ProblemAsync(status);
            if (fields != "")
                Assert.Equal(fields.Split(' ').Order(), problem.Fields());
        }
    }

    [Fact]
    public async Task Generate_PromptOfAMillionCharacters_IsRefused()
    {
        using HttpResponseMessage response =
            await app.Http.PostAsJsonAsync("/api/generate", Request(await app.ImportedModelAsync(), new string('a', 1_000_000)));
        Assert.Equal(["prompt"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Generate_StopStringAndRepetitionPenalty_AreHeeded()
    {
        Guid model = await app.ImportedModelAsync();
        async Task<JsonElement> AnswerAsync(double repetitionPenalty, params string[] stopStrings)
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/generate",
                new
                {
                    modelId = model, prompt = "The bird", greedy = true, maxNewTokens = 12, stopAtEndOfText = false, repetitionPenalty,
                    stopStrings,
                });
            return await response.JsonAsync();
        }
        string text = (await AnswerAsync(1)).GetProperty("text").GetString()!;
        string stop = text.Substring(text.Length / 2, 1);
        JsonElement stopped = await AnswerAsync(1, stop);
        Assert.Equal("StopString", stopped.GetProperty("stopReason").GetString());
        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], stopped.GetProperty("text").GetString());
        // So strong a penalty lets greedy repeat nothing.
        JsonElement penalised = await AnswerAsync(10);
        int[] ids = [.. penalised.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal(ids.Distinct(), ids);

        Guid bare = await app.ImportedModelAsync(withTokenizer: false);
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/generate",
            new { modelId = bare, promptIds = new[] { 1 }, stopStrings = new[] { "a" } });
        Assert.Equal(["stopStrings"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Generate_EmptyPrompt_StartsADocument()
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/generate", Request(await app.ImportedModelAsync(), ""));
        Assert.Equal(8, (await response.JsonAsync()).GetProperty("ids").GetArrayLength());
    }
}
