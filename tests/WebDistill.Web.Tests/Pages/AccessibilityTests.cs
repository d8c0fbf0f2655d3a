using System.Net;
using Microsoft.Playwright;
using WebDistill.Data;

namespace WebDistill.Web.Tests.Pages;

public sealed class AccessibilityTests(AccessibilityTests.Site site, Browser browser) : IClassFixture<AccessibilityTests.Site>, IClassFixture<Browser>
{
    /// <summary>A product with a recorded run, a data set, and so something to show on most pages.</summary>
    public sealed class Site : IAsyncLifetime
    {
        public WebDistillApp App { get; } = new();

        public Run Run { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            await SmallRuns.DatasetAsync(App);
            Run = await SmallRuns.RecordedAsync(App, "Recorded run", 300);
        }

        public async Task DisposeAsync() => await App.DisposeAsync();
    }

    public static TheoryData<string, bool, int> Pages()
    {
        var pages = new TheoryData<string, bool, int>();
        foreach (string path in new[] { "/", "/runs/new", "/runs/{run}", "/datasets", "/models", "/playground", "/not-found" })
        {
            pages.Add(path, false, 1400);
            pages.Add(path, true, 1400);
        }
        pages.Add("/", false, 400);
        pages.Add("/runs/new", true, 400);
        pages.Add("/runs/{run}", false, 400);
        return pages;
    }

    [Fact]
    public async Task Address_NoPage_SaysSoWithItsStatus()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/no-such-page");
        request.Headers.Accept.ParseAdd("text/html");
        using HttpResponseMessage response = await site.App.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("Nothing stands at this address", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_BothThemes_NothingSeriousForAxeAndNothingWrongInTheConsole(string path, bool dark, int width)
    {
        await using Visit visit = await browser.OpenAsync(site.App, path.Replace("{run}", site.Run.Id.ToString("N")), dark ? ColorScheme.Dark : ColorScheme.Light, width);
        if (path.Contains("{run}"))
            await visit.WaitForPointsAsync(300);
        await visit.AssertAccessibleAsync();
        // A page that is wider than its window scrolls sideways.
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        visit.AssertNoFaults();
    }
}
