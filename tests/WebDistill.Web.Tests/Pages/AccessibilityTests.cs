using Microsoft.Playwright;
using WebDistill.Data;

namespace WebDistill.Web.Tests.Pages;

public sealed class AccessibilityTests(AccessibilityTests.Site site, Chromium chromium) : IClassFixture<AccessibilityTests.Site>, IClassFixture<Chromium>
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

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_BothThemes_NothingSeriousForAxeAndNothingWrongInTheConsole(string path, bool dark, int width)
    {
        await using Visit visit = await chromium.VisitAsync(site.App, path.Replace("{run}", site.Run.Id.ToString("N")), dark ? ColorScheme.Dark : ColorScheme.Light, width);
        if (path.Contains("{run}"))
            await visit.WaitForPointsAsync(300);
        await visit.AssertAccessibleAsync();
        // A page that is wider than its window scrolls sideways.
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        visit.AssertNoFaults();
    }
}
