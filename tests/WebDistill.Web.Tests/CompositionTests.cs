using System.Net;

namespace WebDistill.Web.Tests;

public sealed class CompositionTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Healthz_ServerRuns_IsHealthy()
    {
        using HttpResponseMessage response = await app.Http.GetAsync("/healthz");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("Healthy", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/css/app.css", "text/css")]
    [InlineData("/_framework/blazor.web.js", "text/javascript")]
    [InlineData("/_content/Radzen.Blazor/Radzen.Blazor.min.js", "text/javascript")]
    [InlineData("/openapi/v1.json", "application/json")]
    public async Task Get_FileOrPage_IsServedWithPolicy(string path, string contentType)
    {
        using HttpResponseMessage response = await app.Http.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(contentType, response.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Get_UnknownAddress_ABrowserGetsThePageThatSaysSo()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/nothing/here");
        request.Headers.Accept.ParseAdd("text/html,application/xhtml+xml,*/*;q=0.8");
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("Nothing stands at this address", await response.Content.ReadAsStringAsync());
    }
}
