using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

[Trait("needs", "browser")]
public sealed class RunPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Curves_RunTrains_GrowWithoutGapsUntilItIsStopped()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Run run = await app.Service<RunService>().CreateAsync(SmallRuns.Training(dataset, epochs: 100_000));
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        double points = await visit.WaitForPointsAsync(1);
        await visit.WaitForPointsAsync(points + 20);
        await Expect(visit.Page.Locator(".topbar .training")).ToContainTextAsync("Small training");

        await visit.Button("Stop").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("It saves its state after its present update");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Stop", Exact = true }).ClickAsync();
        await Expect(visit.Page.Locator(".run-line .status")).ToHaveTextAsync("Stopped");
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCurves.state === 'ended'");

        Run stopped = await app.Service<RunService>().GetAsync(run.Id);
        Assert.Equal(RunStatus.Stopped, stopped.Status);
        Assert.Equal(stopped.Step, await visit.CurvesAsync("points"));
        Assert.Equal(0, await visit.CurvesAsync("gaps"));
        Assert.Equal(0, await visit.CurvesAsync("duplicates"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Open_HundredThousandSteps_DrawsThemAll()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Long run", 100_000);
        await using Visit visit = await chromium.VisitAsync(app, "/models");
        await visit.GoAsync($"/runs/{run.Id:N}");
        Assert.Equal(100_000, await visit.WaitForPointsAsync(100_000));
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCurves.draws > 0");
        Assert.Equal(0, await visit.CurvesAsync("gaps"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Charts_ControlsAndDownloads_Work()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Recorded run", 400);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(400);
        ILocator chart = visit.Page.Locator("[data-chart=losses]");
        await Expect(chart.Locator(".legend button")).ToHaveCountAsync(4);
        await chart.GetByLabel("Weighted").CheckAsync();
        await Expect(chart.Locator(".legend")).ToContainTextAsync("5.00 × Distillation CE");
        await chart.GetByLabel("Log").CheckAsync();
        await chart.GetByLabel("Weighted").UncheckAsync();
        ILocator total = chart.Locator(".legend button").First;
        await total.ClickAsync();
        await Expect(total).ToHaveAttributeAsync("aria-pressed", "false");

        IDownload csv = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Losses as CSV").ClickAsync());
        string[] lines = await File.ReadAllLinesAsync(await csv.PathAsync());
        Assert.Equal("step,totalLoss,ce,clm,cos", lines[0]);
        Assert.Equal(401, lines.Length);
        Assert.StartsWith("400,", lines[400]);
        IDownload png = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Losses as PNG").ClickAsync());
        Assert.Equal("recorded-run-losses.png", png.SuggestedFilename);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], (await File.ReadAllBytesAsync(await png.PathAsync()))[..4]);

        await Expect(visit.Page.Locator("[data-chart=perplexity] .legend")).ToContainTextAsync("Teacher");
        await Expect(visit.Page.Locator("[data-chart=losses] figcaption")).ToContainTextAsync("Losses over 400 points");
        await Expect(visit.Page.Locator(".options > div").First).ToHaveClassAsync("differs");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Zoom_DragThenDoubleClick_ShowsARangeAndAllAgain()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Zoomed run", 400);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(400);
        ILocator plot = visit.Page.Locator("[data-chart=losses] .u-over");
        await plot.ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = (await plot.BoundingBoxAsync())!;
        await visit.Page.Mouse.MoveAsync(box.X + (0.25f * box.Width), box.Y + 80);
        await visit.Page.Mouse.DownAsync();
        await visit.Page.Mouse.MoveAsync(box.X + (0.75f * box.Width), box.Y + 90, new MouseMoveOptions { Steps = 5 });
        await visit.Page.Mouse.UpAsync();
        await Expect(visit.Button("Reset zoom")).ToBeVisibleAsync();
        await Expect(visit.Page.Locator(".readout")).ToContainTextAsync("Step");
        await plot.DblClickAsync();
        await Expect(visit.Button("Reset zoom")).ToBeHiddenAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Leave_BeforeTheChartsAreLoaded_NextPageIsWhole()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Left at once", 20);
        await using Visit visit = await chromium.VisitAsync(app, "/");
        for (int i = 0; i < 5; i++)
        {
            await visit.Page.EvaluateAsync($"() => {{ Blazor.navigateTo('/runs/{run.Id:N}'); setTimeout(() => Blazor.navigateTo('/models'), {20 * i}); }}");
            await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Models");
            await Task.Delay(200);
            await Expect(visit.Page.Locator("main .notice")).ToHaveCountAsync(0);
        }
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Rename_NewName_StandsInTheTitleAndTheTable()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Old name", 20);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.Button("Rename Old name").ClickAsync();
        await visit.Page.GetByLabel("Name of the run").FillAsync("A better <name>");
        await visit.Button("Rename").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("A better <name>");
        await visit.Page.Keyboard.PressAsync("g");
        await visit.Page.Keyboard.PressAsync("r");
        await Expect(visit.Link("A better <name>")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }
}
