using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebDistill.Web.Tests.Playground;

public sealed class CompareTokensApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Compare_TextAndIdsThatFollowIt_AgreeWithTheWholeTextInIds()
    {
        Guid teacher = await app.ImportedModelAsync(), student = await app.ImportedModelAsync();
        JsonElement split = await CompareAsync(new { teacherId = teacher, studentId = student, text = "The", ids = new[] { 10, 11, 12 } });
        JsonElement[] tokens = [.. split.GetProperty("tokens").EnumerateArray()];
        Assert.Equal([10, 11, 12], tokens.Select(token => token.GetProperty("id").GetInt32()));
        int prompt = split.GetProperty("prompt").GetArrayLength();
        Assert.Equal(prompt, tokens[0].GetProperty("position").GetInt32());
        Assert.Equal("The", string.Concat(split.GetProperty("prompt").EnumerateArray().Select(token => token.GetString())));

        // From position 1 on, everything is scored.
        JsonElement all = await CompareAsync(
            new { teacherId = teacher, studentId = student, text = "The", ids = new[] { 10, 11, 12 }, promptTokens = 1 });
        Assert.Equal(prompt + 2, all.GetProperty("tokens").GetArrayLength());
        Assert.Equal(tokens[^1].ToString(), all.GetProperty("tokens").EnumerateArray().Last().ToString());
        double nats = -tokens.Average(token => token.GetProperty("teacher").GetProperty("logProbabilityNats").GetDouble());
        Assert.Equal(nats, split.GetProperty("teacherNatsPerToken").GetDouble(), 1e-9);
        Assert.Equal(Math.Exp(nats), split.GetProperty("teacherPerplexity").GetDouble(), 1e-6);
        Assert.Equal(10, tokens[0].GetProperty("student").GetProperty("top").GetArrayLength());
        // Models of one seed are the same.
        Assert.Equal(0, split.GetProperty("meanKlNatsPerToken").GetDouble());
        Assert.Equal(1, split.GetProperty("top1Agreement").GetDouble());
    }

    [Fact]
    public async Task Compare_ModelsWithoutTokenizer_TakesIdsAlone()
    {
        Guid bare = await app.ImportedModelAsync(withTokenizer: false);
        JsonElement answer = await CompareAsync(new { teacherId = bare, studentId = bare, ids = new[] { 1, 2, 3 } });
        Assert.Equal(2, answer.GetProperty("tokens").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("tokens")[0].GetProperty("text").ValueKind);
    }

    [Theory]
    [InlineData("""{"teacherId": "MODEL"}""", HttpStatusCode.BadRequest, "studentId")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL"}""", HttpStatusCode.BadRequest, "text")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL", "text": ""}""", HttpStatusCode.BadRequest, "text")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL", "ids": [1]}""", HttpStatusCode.BadRequest, "ids")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL", "ids": [1, 99999]}""", HttpStatusCode.BadRequest, "ids")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL", "ids": [1, 2], "promptTokens": 2}""",
        HttpStatusCode.BadRequest, "promptTokens")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "MODEL", "ids": [1, 2], "promptTokens": 0}""",
        HttpStatusCode.BadRequest, "promptTokens")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "BARE", "text": "The bird"}""", HttpStatusCode.BadRequest, "studentId")]
    [InlineData("""{"teacherId": "MODEL", "studentId": "00000000-0000-0000-0000-000000000001", "text": "x"}""",
        HttpStatusCode.NotFound, "")]
    public async Task Compare_BadRequest_IsProblemDetails(string body, HttpStatusCode status, string field)
    {
        Guid model = await app.ImportedModelAsync(), bare = await app.ImportedModelAsync(withTokenizer: false);
        string json = body.Replace("MODEL", model.ToString()).Replace("BARE", bare.ToString());
        using HttpResponseMessage response =
            await app.Http.PostAsync("/api/compare-tokens", new StringContent(json, null, "application/json"));
        JsonElement problem = await response.ProblemAsync(status);
        if (field != "")
            Assert.Equal([field], problem.Fields());
    }

    private async Task<JsonElement> CompareAsync(object request)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/compare-tokens", request);
        JsonElement answer = await response.JsonAsync();
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer;
    }
}
