using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Pages;

public sealed class AccessibilityTests(AccessibilityTests.Site site, Chromium chromium) : IClassFixture<AccessibilityTests.Site>, IClassFixture<Chromium>
{
    /// <summary>A product with a recorded run, a data set, and so something to show on most pages.</summary>
    public sealed class Site : IAsyncLifetime
    {
        public WebDistillApp App { get; } = new();

        public Run Run { get; private set; } = null!;

        /// <summary>Really trained: with checkpoints, and a log of several lines.</summary>
        public Run Trained { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Dataset dataset = await SmallRuns.DatasetAsync(App);
            RunService runs = App.Service<RunService>();
            Trained = await runs.CreateAsync(SmallRuns.Training(dataset) with { CheckpointIntervalSteps = 20 });
            for (int i = 0; i < 240 && !Trained.IsFinal; i++)
            {
                await Task.Delay(250);
                Trained = await runs.GetAsync(Trained.Id);
            }
            Run = await SmallRuns.RecordedAsync(App, "Recorded run", 300);
        }

        public async Task DisposeAsync() => await App.DisposeAsync();
    }

    public static TheoryData<string, bool, int> Pages()
    {
        var pages = new TheoryData<string, bool, int>();
        foreach (string path in new[] { "/", "/runs/new", "/runs/{run}", "/runs/{trained}", "/datasets", "/models", "/playground", "/evaluate", "/runs/{trained}/report", "/settings", "/not-found" })
        {
            pages.Add(path, false, 1400);
            pages.Add(path, true, 1400);
        }
        pages.Add("/", false, 400);
        pages.Add("/runs/new", true, 400);
        pages.Add("/runs/{run}", false, 400);
        pages.Add("/runs/{trained}", true, 400);
        pages.Add("/settings", false, 400);
        return pages;
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_BothThemes_NothingSeriousForAxeAndNothingWrongInTheConsole(string path, bool dark, int width)
    {
        await using Visit visit = await chromium.VisitAsync(site.App, path.Replace("{run}", site.Run.Id.ToString("N")).Replace("{trained}", site.Trained.Id.ToString("N")), dark ? ColorScheme.Dark : ColorScheme.Light, width);
        if (path.Contains("{run}"))
            await visit.WaitForPointsAsync(300);
        await visit.AssertAccessibleAsync();
        // A page that is wider than its window scrolls sideways.
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        visit.AssertNoFaults();
    }
}
