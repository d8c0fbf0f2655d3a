using System.Collections.Concurrent;

namespace WebDistill.Web.Tests.Pages;

[Trait("needs", "browser")]
public sealed class FingerprintTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    /// <summary>
    /// Modules are imported by plain paths, from C# and from each other: the import map, which the policy must admit, leads each to the
    /// name that changes with its content.
    /// </summary>
    [Fact]
    public async Task Modules_ImportedByAPageAndByEachOther_AreAskedForByTheirFingerprints()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/");
        ConcurrentBag<string> paths = [];
        visit.Page.Request += (_, request) =>
        {
            if (new Uri(request.Url).AbsolutePath is string path && path.EndsWith(".js", StringComparison.Ordinal))
                paths.Add(path);
        };
        await visit.GoAsync("/datasets");
        await visit.Page.RunAndWaitForResponseAsync(() => visit.Button("Upload a text").ClickAsync(), response => response.Url.Contains("/js/upload."));
        await visit.Page.EvaluateAsync("() => Promise.all([import('/js/curves.js'), import('/js/compare.js')])");
        foreach (string module in new[] { "/js/app.", "/js/upload.", "/js/curves.", "/js/figures.", "/lib/uplot/uPlot.esm.", "/_framework/blazor.web." })
            Assert.Contains(paths, path => path.StartsWith(module, StringComparison.Ordinal));
        Assert.All(paths.Where(path => !path.StartsWith("/_content/", StringComparison.Ordinal)),
            path => Assert.Matches("""\.[0-9a-z]{10}\.js$""", path));
        visit.AssertNoFaults();
    }
}
