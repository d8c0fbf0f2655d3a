using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Tests.Security;

/// <summary>What a client may send: every reader of a body refuses what is too much or is no text, shortly and with a reason.</summary>
public sealed class InputLimitsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private const int LongestAnswerBytes = 16_000;

    /// <summary>Every endpoint that reads a JSON body.</summary>
    public static TheoryData<string, string> JsonEndpoints => new()
    {
        { "POST", "/api/runs" },
        { "POST", "/api/runs/plan" },
        { "POST", "/api/runs/00000000-0000-0000-0000-000000000001/checkpoints/1/branch" },
        { "POST", "/api/runs/00000000-0000-0000-0000-000000000001/resume" },
        { "POST", "/api/runs/00000000-0000-0000-0000-000000000001/continue" },
        { "PUT", "/api/runs/00000000-0000-0000-0000-000000000001/position" },
        { "PUT", "/api/runs/00000000-0000-0000-0000-000000000001/name" },
        { "PUT", "/api/runs/00000000-0000-0000-0000-000000000001/guards" },
        { "PUT", "/api/runs/00000000-0000-0000-0000-000000000001/tags" },
        { "POST", "/api/runs/00000000-0000-0000-0000-000000000001/notes" },
        { "PUT", "/api/runs/00000000-0000-0000-0000-000000000001/notes/1" },
        { "PATCH", "/api/datasets/00000000-0000-0000-0000-000000000001" },
        { "POST", "/api/datasets/00000000-0000-0000-0000-000000000001/tokenise-again" },
        { "PATCH", "/api/models/00000000-0000-0000-0000-000000000001" },
        { "POST", "/api/models/00000000-0000-0000-0000-000000000001/compress" },
        { "POST", "/api/sweeps" },
        { "POST", "/api/evaluations" },
        { "POST", "/api/generate" },
        { "POST", "/api/compare-tokens" },
    };

    [Fact]
    public void Limits_EveryProperty_IsInTheCatalogueOnceAndItsDefaultInRange()
    {
        Assert.Equal(
            typeof(InputLimits).GetProperties().Where(p => p.PropertyType == typeof(int)).Select(p => p.Name).Order(),
            InputLimits.All.Select(limit => limit.Name).Order());
        Assert.All(InputLimits.All, limit => Assert.InRange(limit.Get(new InputLimits()), limit.Minimum, limit.Maximum));
        Assert.All(InputLimits.All, limit => Assert.Equal(limit.Maximum, limit.Get(limit.Set(new InputLimits(), limit.Maximum))));
    }

    [Fact]
    public void JsonEndpoints_AreAllOfTheProducts()
    {
        IEnumerable<string> endpoints = app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes.Contains("application/json") == true)
            .Select(e => "/" + e.RoutePattern.RawText!.Trim('/').Replace("{id:guid}", "00000000-0000-0000-0000-000000000001").Replace("{step:int}", "1").Replace("{note:long}", "1"));
        Assert.Equal(endpoints.Order(), JsonEndpoints.Select(row => (string)row[1]).Order());
    }

    /// <summary>RFC 8259 lets a reader pass over the mark that some programs put before JSON: what is told is what is wrong behind it.</summary>
    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_WithAByteOrderMark_IsReadAsWithoutIt(string method, string path)
    {
        byte[] json = """{ "nobodyKnowsThis": 1 }"""u8.ToArray();
        JsonElement[] problems = [await RefusedAsync(method, path, json, HttpStatusCode.BadRequest),
            await RefusedAsync(method, path, [.. Encoding.UTF8.Preamble, .. json], HttpStatusCode.BadRequest)];
        Assert.Contains("nobodyKnowsThis", problems[0].GetProperty("detail").GetString());
        Assert.Equal(problems[0].GetProperty("detail").GetString(), problems[1].GetProperty("detail").GetString());
    }

    /// <summary>The finding that one request of 400 000 unknown properties took 135 s and 8 GB: refused unread.</summary>
    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_HundredsOfThousandsOfUnknownProperties_IsRefusedUnread(string method, string path)
    {
        JsonElement problem = await RefusedAsync(method, path, Properties(400_000), HttpStatusCode.RequestEntityTooLarge);
        Assert.Contains("kB, which is the limit (Limits:", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_MorePropertiesThanTheLimit_IsRefusedWithTheLimit(string method, string path)
    {
        JsonElement problem = await RefusedAsync(method, path, Properties(11_000), HttpStatusCode.BadRequest);
        Assert.Contains("more than 10000 properties, which is the limit (JsonProperties)", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_ManyUnknownProperties_ProblemsAreCapped(string method, string path)
    {
        JsonElement problem = await RefusedAsync(method, path, Properties(9_000), HttpStatusCode.BadRequest);
        string[] fields = problem.Fields();
        Assert.Equal(OptionsInvalidException.MaxProblems + 1, fields.Length);
        Assert.Matches(@"^and \d{4} more\.$", problem.GetProperty("errors").GetProperty("$")[0].GetString());
    }

    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_NestedTooDeep_IsRefusedWithTheLimit(string method, string path)
    {
        string deep = $"{{\"x\": {new string('[', 20_000)}1{new string(']', 20_000)}}}";
        JsonElement problem = await RefusedAsync(method, path, Encoding.UTF8.GetBytes(deep), HttpStatusCode.BadRequest);
        Assert.Contains("more than 16 deep", problem.GetProperty("detail").GetString());
    }

    /// <summary>The finding that invalid UTF-8 in a text and half of a surrogate pair in a name were answered with 500; and half of one in
    /// a text with a message that did not say what is wrong.</summary>
    [Theory]
    [MemberData(nameof(JsonEndpoints))]
    public async Task Body_ThatIsNoText_IsRefusedSayingWhy(string method, string path)
    {
        JsonElement problem = await RefusedAsync(method, path, [.. "{\"name\": \"a"u8, 0xFF, 0xFE, .. "\"}"u8], HttpStatusCode.BadRequest);
        Assert.Contains("not valid UTF-8", problem.GetProperty("detail").GetString());
        foreach (string body in new[] { """{"\ud800": 1}""", """{"name": "a\ud83d"}""", """{"prompt": {"x\udc00": 1}}""", """{"stopStrings": ["\ud83d"]}""" })
        {
            problem = await RefusedAsync(method, path, Encoding.UTF8.GetBytes(body), HttpStatusCode.BadRequest);
            Assert.Contains("half of a surrogate pair", problem.GetProperty("detail").GetString());
        }
    }

    [Fact]
    public async Task Body_LongNamesAndValues_AreQuotedShortly()
    {
        string value = new('x', 50_000);
        JsonElement problem = await RefusedAsync("POST", "/api/runs",
            Encoding.UTF8.GetBytes($$"""{"{{value}}": 1, "epochs": "{{value}}", "datasetId": "{{value}}", "studentInitialisation": "{{value}}"}"""),
            HttpStatusCode.BadRequest);
        Assert.DoesNotContain(value[..(ForeignText.MaxQuotedCharacters + 1)], problem.ToString());
    }

    [Fact]
    public async Task Prompt_CutInTheMiddleOfAnEmoji_NamesTheField()
    {
        JsonElement problem = await RefusedAsync("POST", "/api/generate",
            Encoding.UTF8.GetBytes($$"""{"modelId": "{{Guid.NewGuid()}}", "prompt": "a\ud83d", "maxNewTokens": 2}"""), HttpStatusCode.BadRequest);
        Assert.Equal(["prompt"], problem.Fields());
    }

    /// <summary>The finding that a boundary of 5 000 characters was answered with 500.</summary>
    [Theory]
    [InlineData("/api/models")]
    [InlineData("/api/datasets")]
    public async Task Upload_LongBoundary_IsRefused(string path)
    {
        using var content = new ByteArrayContent("x"u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={new string('b', 5000)}");
        using HttpResponseMessage response = await app.Http.PostAsync(path, content);
        Assert.Contains("5000 characters", (await ShortProblemAsync(response, HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
    }

    /// <summary>The finding that 200 000 unknown form fields took 45 s of a core.</summary>
    [Theory]
    [InlineData("/api/models")]
    [InlineData("/api/datasets")]
    public async Task Upload_HundredsOfThousandsOfFields_IsRefusedAtTheLimit(string path)
    {
        var body = new StringBuilder();
        for (int i = 0; i < 200_000; i++)
            body.Append(System.Globalization.CultureInfo.InvariantCulture, $"--b\r\nContent-Disposition: form-data; name=\"f{i}\"\r\n\r\n1\r\n");
        JsonElement problem = await UploadRefusedAsync(path, body.Append("--b--\r\n").ToString(), HttpStatusCode.RequestEntityTooLarge);
        Assert.Contains("300 parts, which is the limit (Limits:FormParts)", problem.GetProperty("detail").GetString());
        AssertNothingIncoming();
    }

    [Theory]
    [InlineData("/api/models")]
    [InlineData("/api/datasets")]
    public async Task Upload_PartsThatAreBrokenOrTooLong_AreRefusedAndLeaveNothing(string path)
    {
        string[] bodies =
        [
            "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\ncut off in a fie",
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"vocab.json\"\r\n\r\ncut off in a fi",
            $"--b\r\nContent-Disposition: form-data; name=\"{new string('n', 9000)}\"\r\n\r\n1\r\n--b--\r\n",
            $"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{new string('v', 5000)}\r\n--b--\r\n",
            "--b\r\n\r\nno disposition\r\n--b--\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nA\0B\r\nC\r\n--b--\r\n",
        ];
        foreach (string body in bodies)
            await UploadRefusedAsync(path, body, HttpStatusCode.BadRequest);
        AssertNothingIncoming();
    }

    [Fact]
    public async Task Headers_MoreThanTheLimit_AreRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/runs");
        request.Headers.Add("X-Long", new string('h', 40_000));
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task Queue_AsLongAsItMayBe_RefusesTheNextRunAndWholeSweeps()
    {
        await using var small = new WebDistillApp(null, new Dictionary<string, string> { ["Limits:QueuedRuns"] = "2" });
        Guid dataset = await small.ReadyDatasetAsync();
        RunOptions options = Product.TinyTraining(dataset, epochs: 100_000);
        Guid running = await small.StartAsync(options);
        await small.PollAsync($"/api/runs/{running}", run => run.GetProperty("step").GetInt32() > 0);
        await small.StartAsync(options);
        using HttpResponseMessage sweep = await small.Http.PostAsJsonAsync("/api/sweeps", new
        {
            name = "two", options, dimensions = new[] { new { name = "seed", values = new[] { 1, 2 }.Select(seed => new { label = $"{seed}", changes = new { seed } }) } },
        }, WebJson.Options);
        Assert.Contains("at most 2 may wait (Limits:QueuedRuns)", (await ShortProblemAsync(sweep, HttpStatusCode.Conflict)).GetProperty("detail").GetString());
        Assert.Equal(0, (await small.GetAsync("/api/sweeps")).GetArrayLength());
        using HttpResponseMessage quick = await small.Http.PostAsync("/api/runs/quick-start", null);
        await ShortProblemAsync(quick, HttpStatusCode.Conflict);
        Assert.Equal(1, (await small.GetAsync("/api/datasets")).GetArrayLength());
        await small.StartAsync(options);
        using HttpResponseMessage third = await small.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options);
        await ShortProblemAsync(third, HttpStatusCode.Conflict);
    }

    /// <summary>The document tells clients of 429 wherever it can be answered, and of 413 wherever a body is read.</summary>
    [Fact]
    public async Task Document_LimitedEndpoints_SayTheirStatuses()
    {
        JsonElement paths = (await app.GetAsync("/openapi/v1.json")).GetProperty("paths");
        RouteEndpoint[] endpoints = [.. app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.Trim('/').StartsWith("api", StringComparison.Ordinal))];
        Assert.Contains(endpoints, e => e.Metadata.GetMetadata<EnableRateLimitingAttribute>() is not null);
        foreach (RouteEndpoint endpoint in endpoints)
        {
            string path = "/" + System.Text.RegularExpressions.Regex.Replace(endpoint.RoutePattern.RawText!.Trim('/'), @":\w+\}", "}");
            string method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods[0].ToLowerInvariant();
            JsonElement responses = paths.GetProperty(path).GetProperty(method).GetProperty("responses");
            if (endpoint.Metadata.GetMetadata<EnableRateLimitingAttribute>() is not null)
                Assert.True(responses.TryGetProperty("429", out _), $"{method} {path} is limited and does not say 429");
            if (endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not null)
                Assert.True(responses.TryGetProperty("413", out _), $"{method} {path} reads a body and does not say 413");
        }
    }

    private static byte[] Properties(int count) =>
        Encoding.UTF8.GetBytes($"{{{string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i}\":1"))}}}");

    private async Task<JsonElement> RefusedAsync(string method, string path, byte[] body, HttpStatusCode status)
    {
        bool carriesText = path is "/api/generate" or "/api/compare-tokens";
        // Those take a longer body: the same properties with more spaces between them.
        if (status == HttpStatusCode.RequestEntityTooLarge && carriesText)
            Assert.True(body.Length > new InputLimits().PromptJsonKilobytes << 10);
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        return await ShortProblemAsync(response, status);
    }

    private async Task<JsonElement> UploadRefusedAsync(string path, string body, HttpStatusCode status)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=b");
        using HttpResponseMessage response = await app.Http.PostAsync(path, content);
        return await ShortProblemAsync(response, status);
    }

    private static async Task<JsonElement> ShortProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        JsonElement problem = await response.ProblemAsync(status);
        Assert.True(problem.ToString().Length < LongestAnswerBytes, $"The answer has {problem.ToString().Length} characters.");
        return problem;
    }

    private void AssertNothingIncoming() => Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
}
