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

        public Dataset Dataset { get; private set; } = null!;

        public Run Run { get; private set; } = null!;

        /// <summary>Really trained: with checkpoints, and a log of several lines.</summary>
        public Run Trained { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Dataset dataset = Dataset = await SmallRuns.DatasetAsync(App);
            RunService runs = App.Service<RunService>();
            Trained = await runs.CreateAsync(SmallRuns.Training(dataset).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 20 } }));
            for (int i = 0; i < 720 && !Trained.IsFinal; i++)
            {
                await Task.Delay(250);
                Trained = await runs.GetAsync(Trained.Id);
            }
            Run = await SmallRuns.RecordedAsync(App, "Recorded run", 300);
            await SmallRuns.DiagnoseAsync(App, Run);
        }

        public async Task DisposeAsync() => await App.DisposeAsync();
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/runs/new")]
    [InlineData("/runs/{run}")]
    [InlineData("/runs/{trained}")]
    [InlineData("/runs/{run}?tab=diagnosis")]
    [InlineData("/runs/{trained}?tab=diagnosis")]
    [InlineData("/runs/{trained}?tab=checkpoints")]
    [InlineData("/runs/{trained}?tab=options")]
    [InlineData("/runs/{trained}?tab=log")]
    [InlineData("/runs/{trained}?tab=samples")]
    [InlineData("/runs/{trained}/report")]
    [InlineData("/datasets")]
    [InlineData("/datasets/{dataset}")]
    [InlineData("/datasets?upload=1")]
    [InlineData("/models")]
    [InlineData("/models/{trained}")]
    [InlineData("/models?import=1")]
    [InlineData("/playground")]
    [InlineData("/evaluate")]
    [InlineData("/sweeps")]
    [InlineData("/sweeps/new")]
    [InlineData("/compare?runs={run},{trained}")]
    [InlineData("/glossary")]
    [InlineData("/settings")]
    [InlineData("/not-found")]
    public async Task Page_BothThemesWideAndNarrow_NothingSeriousForAxeAndNothingWrongInTheConsole(string path)
    {
        await using Visit visit = await chromium.VisitAsync(
            site.App, path.Replace("{run}", site.Run.Id.ToString("N")).Replace("{trained}", site.Trained.Id.ToString("N"))
                .Replace("{dataset}", site.Dataset.Id.ToString("N")), width: 1440);
        if (path == "/runs/{run}")
            await visit.WaitForPointsAsync(300);
        await visit.AssertInOrderAsync(path);
        visit.AssertNoFaults();
    }
}
