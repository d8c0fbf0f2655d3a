using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

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
    [InlineData("/lib/webdistill.css", "text/css")]
    [InlineData("/_framework/blazor.web.js", "text/javascript")]
    [InlineData("/_content/MudBlazor/MudBlazor.min.js", "text/javascript")]
    [InlineData("/openapi/v1.json", "application/json")]
    public async Task Get_FileOrPage_IsServedWithPolicy(string path, string contentType)
    {
        using HttpResponseMessage response = await app.Http.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(contentType, response.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>A page names each script and style with its fingerprint, and the import map does so for the modules that modules import.</summary>
    [Fact]
    public async Task Page_ScriptsStylesAndImportMap_NameFingerprintsThatAreServed()
    {
        string page = await app.Http.GetStringAsync("/");
        string importMap = Regex.Match(page, """<script type="importmap">(.*?)</script>""", RegexOptions.Singleline).Groups[1].Value;
        JsonElement imports = JsonSerializer.Deserialize<JsonElement>(importMap).GetProperty("imports");
        string[] modules = [.. Directory.GetFiles(Path.Combine(WebDistillApp.RepositoryRoot, "wwwroot/js"), "*.js").Select(Path.GetFileName)!];
        Assert.NotEmpty(modules);
        string[] named =
        [
            .. modules.Select(module => $"./js/{module}").Append("./lib/uplot/uPlot.esm.js").Append("./lib/signalr/signalr.min.js")
                .Select(module => imports.GetProperty(module).GetString()!),
            .. Regex.Matches(page, """(?:<script[^>]* src|stylesheet" href)="([^"]+)""").Select(match => match.Groups[1].Value),
        ];
        Assert.Contains(named, name => name.Contains("_framework/blazor.web."));
        foreach (string name in named)
        {
            Assert.Matches("""\.[0-9a-z]{10}\.(js|css)$|^_content/""", name);
            using HttpResponseMessage response = await app.Http.GetAsync($"/{name.TrimStart('.', '/')}");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    /// <summary>What a browser has is asked for again by its ETag, under the plain name too.</summary>
    [Theory]
    [InlineData("/js/curves.js", "no-cache")]
    [InlineData("/_content/MudBlazor/MudBlazor.min.css", "no-cache")]
    [InlineData("/lib/inter/inter-latin.woff2", "must-revalidate, max-age=3600")]
    public async Task Get_FileUnderItsPlainName_IsRevalidated(string path, string caching)
    {
        using HttpResponseMessage first = await app.Http.GetAsync(path);
        Assert.Equal(caching, first.Headers.CacheControl!.ToString());
        using var again = new HttpRequestMessage(HttpMethod.Get, path);
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await app.Http.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
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
