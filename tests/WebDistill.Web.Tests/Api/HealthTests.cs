using System.Net;

namespace WebDistill.Web.Tests.Api;

public sealed class HealthTests(WebDistillApp app) : IClassFixture<WebDistillApp>
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
}
