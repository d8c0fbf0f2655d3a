using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Layout;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Runs;

namespace WebDistill.Web.Tests.Pages;

[Trait("needs", "browser")]
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
            for (int i = 0; i < 720 && !Trained.IsFinal; i++)
            {
                await Task.Delay(250);
                Trained = await runs.GetAsync(Trained.Id);
            }
            Run = await SmallRuns.RecordedAsync(App, "Recorded run", 300);
        }

        public async Task DisposeAsync() => await App.DisposeAsync();
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/runs/new")]
    [InlineData("/runs/{run}")]
    [InlineData("/runs/{trained}")]
    [InlineData("/runs/{trained}/report")]
    [InlineData("/datasets")]
    [InlineData("/models")]
    [InlineData("/playground")]
    [InlineData("/evaluate")]
    [InlineData("/sweeps")]
    [InlineData("/sweeps/new")]
    [InlineData("/compare?runs={run},{trained}")]
    [InlineData("/settings")]
    [InlineData("/not-found")]
    public async Task Page_BothThemesAndANarrowWindow_NothingSeriousForAxeAndNothingWrongInTheConsole(string path)
    {
        await using Visit visit = await chromium.VisitAsync(
            site.App, path.Replace("{run}", site.Run.Id.ToString("N")).Replace("{trained}", site.Trained.Id.ToString("N")));
        if (path == "/runs/{run}")
            await visit.WaitForPointsAsync(300);
        await visit.AssertAccessibleAsync();
        // Rules about colours see another page in the other theme, and those about layout in a narrow window: one drawing for both.
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Dark });
        await visit.Page.SetViewportSizeAsync(400, 900);
        await visit.AssertAccessibleAsync();
        // A page that is wider than its window scrolls sideways.
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        visit.AssertNoFaults();
    }
}
