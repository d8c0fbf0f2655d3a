using Microsoft.Playwright;

namespace WebDistill.Web.Tests.Pages;

/// <summary>What a browser that has nothing yet must load.</summary>
[Trait("needs", "browser")]
public sealed class PayloadTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private const int MostBytes = 200_000;

    [Fact]
    public async Task FirstPage_OfAnEmptyInstallation_IsSmall()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/");
        await visit.Page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        // As it came over the wire, compressed, with its headers; what came from the browser's cache counts nothing.
        Dictionary<string, int> bytes = await visit.Page.EvaluateAsync<Dictionary<string, int>>("""
            () => Object.fromEntries([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
              .filter(entry => entry.transferSize > 0).map(entry => [entry.name, entry.transferSize]))
            """);
        Assert.Contains(bytes.Keys, name => name.Contains("MudBlazor.min.css", StringComparison.Ordinal));
        Assert.Contains(bytes.Keys, name => name.Contains("inter-latin", StringComparison.Ordinal));
        Assert.True(bytes.Values.Sum() < MostBytes, $"{bytes.Values.Sum()} bytes, expected less than {MostBytes}: "
            + string.Join(", ", bytes.OrderByDescending(entry => entry.Value).Select(entry => $"{entry.Value} {entry.Key}")));
    }
}
