using System.Globalization;
using System.Text.RegularExpressions;
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
        // Log and weighted by default: only so do all terms show.
        await Expect(chart.Locator(".legend")).ToContainTextAsync("5.00 × Distillation CE");
        await visit.OpenChartMenuAsync("Losses");
        await Expect(chart.GetByLabel("Log")).ToBeCheckedAsync();
        await chart.GetByLabel("Log").UncheckAsync();
        await chart.GetByLabel("Weighted").UncheckAsync();
        await Expect(chart.Locator(".legend")).Not.ToContainTextAsync("5.00 ×");
        await visit.AssertAccessibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(chart.GetByLabel("Weighted")).ToBeHiddenAsync();
        ILocator total = chart.Locator(".legend button").First;
        await total.ClickAsync();
        await Expect(total).ToHaveAttributeAsync("aria-pressed", "false");

        await visit.OpenChartMenuAsync("Losses");
        IDownload csv = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Losses as CSV").ClickAsync());
        string[] lines = await File.ReadAllLinesAsync(await csv.PathAsync());
        Assert.Equal("step,totalLoss,ce,clm,cos", lines[0]);
        Assert.Equal(401, lines.Length);
        Assert.StartsWith("400,", lines[400]);
        await visit.OpenChartMenuAsync("Losses");
        IDownload png = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Losses as PNG").ClickAsync());
        Assert.Equal("recorded-run-losses.png", png.SuggestedFilename);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], (await File.ReadAllBytesAsync(await png.PathAsync()))[..4]);

        await Expect(visit.Page.Locator("[data-chart=perplexity] .legend")).ToContainTextAsync("Teacher");
        await Expect(visit.Page.Locator("[data-chart=losses] figcaption")).ToContainTextAsync("Losses over 400 points");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Charts_OneChartPerTerm_IsRememberedByTheBrowser()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Terms apart", 400);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(400);
        await visit.OpenChartMenuAsync("Losses");
        await visit.Page.GetByLabel("One chart per term").ClickAsync();
        foreach (string name in new[] { "totalLoss", "ce", "clm", "cos" })
            await Expect(visit.Page.Locator($"[data-chart=losses-{name}] .u-over")).ToBeVisibleAsync();
        await Expect(visit.Page.Locator("[data-chart=losses]")).ToHaveCountAsync(0);

        await visit.GoAsync($"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(400);
        await Expect(visit.Page.Locator("[data-chart=losses-ce] .u-over")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Pointer_OverAChart_ReadsTheRecordedNumbersBesideIt()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Pointed at", 400);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(400);
        ILocator chart = visit.Page.Locator("[data-chart=losses]"), legend = chart.Locator(".legend button").First;
        // 1 + 10 / (1 + 400 / 50) + (400 · 7919 mod 101) / 400, as it was recorded, though the line is smoothed.
        await Expect(legend).ToContainTextAsync((1 + 10 / 9.0 + (400 * 7919 % 101) / 400.0).ToString("0.0000", CultureInfo.InvariantCulture));
        await chart.Locator(".u-over").HoverAsync();
        ILocator box = chart.Locator(".cursor-box");
        await Expect(box).ToContainTextAsync(new Regex("Update \\d+"));
        await Expect(box.Locator("> div:not(.at)")).ToHaveCountAsync(4);
        await visit.Page.Mouse.MoveAsync(2, 2);
        await Expect(box).ToBeHiddenAsync();
        visit.AssertNoFaults();
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(400)]
    public async Task Head_CompletedDistillation_SaysWhatCameOutAndLeadsOn(int width)
    {
        Run run = await SmallRuns.RecordedAsync(app, "Answered", 300);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}", width: width);
        ILocator head = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Run", Exact = true });
        await Expect(head).ToContainTextAsync("60\u202f% of the teacher's size, 10.0\u202f% worse: validation perplexity 2.75 against 2.50, first 65\u202f536 tokens.");
        await Expect(head.Locator(".head-figures > div")).ToHaveCountAsync(4);
        await Expect(visit.Page.GetByRole(AriaRole.Navigation, new() { Name = "Breadcrumb" }).GetByRole(AriaRole.Link, new() { Name = "Runs", Exact = true })).ToHaveCountAsync(1);
        await visit.Button("Actions for Answered").ClickAsync();
        foreach (string action in new[] { "Clone", "Sweep", "Compare", "Rename", "Delete" })
            await Expect(visit.MenuItem(action)).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Tabs_StandInTheAddressAndTheCurvesGoOn()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Tabbed run", 200);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(200);
        ILocator Tab(string name) => visit.Page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true });
        await Tab("Options").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=options$"));
        await Expect(visit.Page.Locator(".options").First).ToBeVisibleAsync();
        await Tab("Log").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=log$"));
        await Expect(visit.Page.GetByText("Nothing has been logged yet.")).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        await Tab("Curves").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex($"/runs/{run.Id:N}$"));
        await Expect(visit.Page.Locator("[data-chart=losses] .u-over")).ToBeVisibleAsync();
        // The same charts as before, not others that read everything again.
        Assert.Equal(200, await visit.CurvesAsync("points"));
        Assert.Equal(0, await visit.CurvesAsync("duplicates"));

        await visit.GoAsync($"/runs/{run.Id:N}?tab=checkpoints");
        await Expect(Tab("Checkpoints")).ToHaveAttributeAsync("aria-selected", "true");
        await Expect(visit.Page.GetByText("No checkpoint was saved before the run ended")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Options_ReallyUsed_AreResolvedInWordsAndMarked()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Described run", 20);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}?tab=options");
        ILocator Option(string label) => visit.Page.Locator(".options > div").Filter(new() { Has = visit.Page.Locator("dt").GetByText(label, new() { Exact = true }) });
        await Expect(Option("Layers").Locator("dd")).ToContainTextAsync("2 (automatic)");
        await Expect(Option("Initialisation").Locator("dd")).ToContainTextAsync("Teacher layers");
        await Expect(Option("Batch size")).ToHaveClassAsync("differs");
        await Expect(Option("Batch size").Locator("dd")).ToContainTextAsync("not ");
        // It copies the teacher's layers: it has no width of its own and starts from no model.
        await Expect(Option("Width")).ToHaveCountAsync(0);
        await Expect(Option("Start from")).ToHaveCountAsync(0);
        await visit.Page.GetByLabel("Only those that differ").CheckAsync();
        await Expect(Option("Initialisation")).ToHaveCountAsync(0);
        await Expect(Option("Batch size")).ToHaveCountAsync(1);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Log_LongOne_OpensAtItsEndAndIsSearched()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Talkative run", 20);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.LogLines.AddRange(Enumerable.Range(1, 2000).Select(i => new LogLine
            {
                RunId = run.Id, At = DateTime.UtcNow, Step = i, Text = $"Line {i} of the log", Severity = i % 500 == 0 ? LogSeverity.Warning : LogSeverity.Information,
            }));
            return await db.SaveChangesAsync();
        });
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}?tab=log");
        ILocator log = visit.Page.GetByRole(AriaRole.Log);
        await log.ScrollIntoViewIfNeededAsync();
        await Expect(log.GetByText("Line 2000 of the log")).ToBeInViewportAsync();
        // Only what can be seen, and a little more, is there.
        Assert.InRange(await log.Locator(".line").CountAsync(), 10, 150);
        await visit.Page.GetByLabel("Search the log").FillAsync("line 1234");
        await Expect(log.Locator(".line")).ToHaveCountAsync(1);
        await Expect(log).ToContainTextAsync("Line 1234 of the log");
        await visit.Page.GetByLabel("Search the log").FillAsync("");
        await visit.ChooseAsync("Lines of the log", "Warnings and errors");
        await Expect(log.Locator(".line")).ToHaveCountAsync(4);
        await visit.AssertAccessibleAsync();
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
        LocatorBoundingBoxResult before = (await visit.Page.Locator(".answer").BoundingBoxAsync())!;
        await visit.ActAsync("Old name", "Rename");
        await visit.Page.GetByLabel("Name of the run").FillAsync(" ");
        await visit.Button("Rename").ClickAsync();
        await Expect(visit.Page.Locator("#run-name-problem")).ToHaveTextAsync("The name is blank. Give it a name.");
        await Expect(visit.Page.Locator("main .notice")).ToHaveCountAsync(0);
        Assert.Equal(before.Y, (await visit.Page.Locator(".answer").BoundingBoxAsync())!.Y, 1.0);
        await visit.AssertAccessibleAsync();
        await visit.Page.GetByLabel("Name of the run").FillAsync("A better <name>");
        await visit.Button("Rename").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("A better <name>");
        await visit.Page.Keyboard.PressAsync("g");
        await visit.Page.Keyboard.PressAsync("r");
        await Expect(visit.Link("A better <name>")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }
}
