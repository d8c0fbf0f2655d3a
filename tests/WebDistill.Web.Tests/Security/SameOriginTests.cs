using System.Net;
using System.Net.WebSockets;

namespace WebDistill.Web.Tests.Security;

public sealed class SameOriginTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Theory]
    [InlineData("POST", "/api/runs")]
    [InlineData("POST", "/api/runs/quick-start")]
    [InlineData("POST", "/api/datasets")]
    [InlineData("POST", "/api/models")]
    [InlineData("POST", "/api/generate")]
    [InlineData("DELETE", "/api/runs/00000000-0000-0000-0000-000000000001")]
    [InlineData("POST", "/hubs/curves/negotiate?negotiateVersion=1")]
    [InlineData("POST", "/_blazor/negotiate?negotiateVersion=1")]
    [InlineData("POST", "/")]
    public async Task Request_ForeignOriginOrHost_IsRefused(string method, string path)
    {
        (string Header, string Value)[] foreign =
        [
            ("Origin", "http://evil.example"), ("Origin", "null"), ("Origin", "http://127.0.0.1:1"), ("Sec-Fetch-Site", "cross-site"),
                ("Host", "evil.example"),
            ("Host", "127.0.0.1.evil.example"),
        ];
        foreach ((string header, string value) in foreign)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            request.Headers.TryAddWithoutValidation(header, value);
            using HttpResponseMessage response = await app.Http.SendAsync(request);
            await response.ProblemAsync(HttpStatusCode.Forbidden);
        }
        Assert.Equal(0, (await app.GetAsync("/api/runs")).GetArrayLength());
    }

    [Fact]
    public async Task Get_ForeignHost_IsRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/runs");
        request.Headers.Host = "rebound.example";
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        await response.ProblemAsync(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Post_OwnOrigin_IsNotRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hubs/curves/negotiate?negotiateVersion=1");
        request.Headers.Add("Origin", app.Address);
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task WebSocket_ForeignOrigin_IsRefused()
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", "http://evil.example");
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() =>
            socket.ConnectAsync(new Uri($"{app.Address.Replace("http:", "ws:")}/hubs/curves"), CancellationToken.None));
        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
    }

    [Fact]
    public async Task Get_ConfiguredHost_IsServed()
    {
        await using var named = new WebDistillApp(null, new Dictionary<string, string> { ["Security:AllowedHosts:0"] = "lab.example" });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/runs");
        request.Headers.Host = "lab.example";
        using HttpResponseMessage response = await named.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
