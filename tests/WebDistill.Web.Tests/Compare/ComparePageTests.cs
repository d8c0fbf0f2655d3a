using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using WebDistill.Web.Ui;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Compare;

[Trait("needs", "browser")]
public sealed class ComparePageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private const int LongSteps = 20_000;

    [Fact]
    public async Task Charts_ThreeLongRuns_DrawWhatTheWidthShowsAndFinerDataWhenZoomed()
    {
        Run[] runs = [await RunAsync("Long A", LongSteps), await RunAsync("Long B", LongSteps), await RunAsync("Long C", LongSteps)];
        await using Visit visit = await VisitAsync(runs);
        await WaitForPointsAsync(visit, 3 * LongSteps);
        ILocator plot = visit.Page.Locator("[data-chart=totalLoss] .u-over");
        await Expect(plot).ToBeVisibleAsync();
        float width = await WidthAsync(plot);
        // The runs come one after the other.
        await visit.Page.WaitForFunctionAsync("least => window.webdistillCompare.drawn.totalLoss >= least", 3 * 1.5 * width);
        double drawn = await visit.Page.EvaluateAsync<double>("() => window.webdistillCompare.drawn.totalLoss");
        // Two values per pixel column at most, and both where a column holds many.
        Assert.InRange(drawn, 3 * 1.5 * width, 3 * 2.1 * width);

        // A hundredth of the width holds 200 of the 20 000 updates of each run: now every one of them is drawn.
        await plot.ScrollIntoViewIfNeededAsync();
        LocatorBoundingBoxResult box = (await plot.BoundingBoxAsync())!;
        await visit.Page.Mouse.MoveAsync(box.X + (0.5f * box.Width), box.Y + 80);
        await visit.Page.Mouse.DownAsync();
        await visit.Page.Mouse.MoveAsync(box.X + (0.51f * box.Width), box.Y + 90, new MouseMoveOptions { Steps = 3 });
        await visit.Page.Mouse.UpAsync();
        await Expect(visit.Button("Reset zoom")).ToBeVisibleAsync();
        await visit.Page.WaitForFunctionAsync("most => window.webdistillCompare.drawn.totalLoss < most", drawn / 3);
        double zoomed = await visit.Page.EvaluateAsync<double>("() => window.webdistillCompare.drawn.totalLoss");
        double updates = 3 * LongSteps * 0.01;
        Assert.InRange(zoomed, 0.7 * updates, 1.3 * updates);

        await plot.DblClickAsync();
        await Expect(visit.Button("Reset zoom")).ToBeHiddenAsync();
        await visit.Page.WaitForFunctionAsync("all => window.webdistillCompare.drawn.totalLoss === all", drawn);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Cursor_MouseAndKeyboard_ReadsEveryRunOutOnEveryAxis()
    {
        Run[] runs = [await RunAsync("First run", 400), await RunAsync("Second run", 200)];
        await using Visit visit = await VisitAsync(runs);
        await WaitForPointsAsync(visit, 600);
        ILocator chart = visit.Page.Locator("[data-chart=totalLoss]"), box = chart.Locator(".cursor-box");
        ILocator plot = chart.Locator(".u-over"), caption = visit.Page.Locator(".readings caption");
        await Expect(caption).ToContainTextAsync("Latest values");
        await plot.HoverAsync(new LocatorHoverOptions { Position = await PlaceAsync(plot, 0.25f) });
        await Expect(caption).ToContainTextAsync(new Regex("Step (9\\d|10\\d)"));
        await Expect(box).ToContainTextAsync("First run");
        await Expect(box).ToContainTextAsync("Second run");
        // Beyond its last update a run has no value.
        await plot.HoverAsync(new LocatorHoverOptions { Position = await PlaceAsync(plot, 0.75f) });
        await Expect(box).Not.ToContainTextAsync("Second run");
        ILocator second = visit.Page.Locator(".readings tbody tr").Nth(1);
        await Expect(second.Locator("td").First).ToHaveTextAsync("–");

        await visit.Button("Tokens").ClickAsync();
        await plot.HoverAsync(new LocatorHoverOptions { Position = await PlaceAsync(plot, 0.25f) });
        await Expect(caption).ToContainTextAsync("k tokens");
        await visit.Button("Time").ClickAsync();
        await plot.HoverAsync(new LocatorHoverOptions { Position = await PlaceAsync(plot, 0.25f) });
        await Expect(caption).ToContainTextAsync(new Regex("(49|50) s"));

        await visit.Button("Step").ClickAsync();
        await visit.Page.Mouse.MoveAsync(5, 5);
        await chart.Locator(".canvas").FocusAsync();
        await visit.Page.Keyboard.PressAsync("End");
        await Expect(caption).ToContainTextAsync("Step 400");
        await Expect(visit.Page.Locator("[aria-live=polite]").First).ToContainTextAsync("Step 400. First run");
        await visit.Page.Keyboard.PressAsync("+");
        await Expect(visit.Button("Reset zoom")).ToBeVisibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(visit.Button("Reset zoom")).ToBeHiddenAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Charts_TogglesAndDownloads_Work()
    {
        Run[] runs = [await RunAsync("Kept, \"quoted\"", 60), await RunAsync("Hidden run", 40)];
        await using Visit visit = await VisitAsync(runs);
        await WaitForPointsAsync(visit, 100);
        ILocator chart = visit.Page.Locator("[data-chart=totalLoss]"), toggle = visit.Button("Curves of Hidden run");
        // The runs have no logits loss: its chart takes no room.
        await Expect(visit.Page.Locator("[data-chart=mse]")).ToBeHiddenAsync();
        await Expect(visit.Page.Locator("[data-chart=totalLoss] figcaption")).ToContainTextAsync("Total loss of 2 runs. Kept");
        await visit.Page.GetByLabel("Log scale").CheckAsync();
        await toggle.ClickAsync();
        await Expect(toggle).ToHaveAttributeAsync("aria-pressed", "false");
        await Expect(visit.Page.Locator(".readings tbody tr").Nth(1).Locator("td").First).ToHaveTextAsync("–");

        await visit.OpenChartMenuAsync("Total loss");
        IDownload csv = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Total loss as CSV").ClickAsync());
        string[] lines = await File.ReadAllLinesAsync(await csv.PathAsync());
        Assert.Equal("run,runId,step,tokensSeen,trainedSeconds,totalLoss", lines[0]);
        Assert.Equal(61, lines.Length);
        Assert.StartsWith($"\"Kept, \"\"quoted\"\"\",{runs[0].Id:D},60,122880,30,", lines[60]);
        await visit.OpenChartMenuAsync("Total loss");
        IDownload png = await visit.Page.RunAndWaitForDownloadAsync(() => chart.GetByLabel("Download Total loss as PNG").ClickAsync());
        Assert.Equal("compare-total-loss.png", png.SuggestedFilename);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], (await File.ReadAllBytesAsync(await png.PathAsync()))[..4]);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Page_RunsWithOtherOptionsInANarrowDarkWindow_NamesDifferencesAndTheBestAndIsAccessible()
    {
        Run[] runs =
        [
            await RunAsync("Cold", 60, new RunOptions { Objective = Terms.Of(temperature: 1), Optimiser = new() { LearningRate = 1e-4 } }, perplexity: 3.5),
            await RunAsync("Warm", 60, new RunOptions { Objective = Terms.Of(temperature: 2), Optimiser = new() { LearningRate = 1e-3 } }, perplexity: 3),
            await RunAsync("Waits", 0, new RunOptions { Objective = Terms.Of(temperature: 4), Optimiser = new() { LearningRate = 1e-2 } }),
        ];
        await using Visit visit = await chromium.VisitAsync(app, Addresses.Compare(runs.Select(run => run.Id)), ColorScheme.Dark, 900);
        ILocator figures = visit.Region("Figures of every run").Locator("tbody tr");
        await Expect(figures.Nth(0)).Not.ToContainTextAsync("best");
        await Expect(figures.Nth(1).Locator(".badge").First).ToHaveTextAsync("best");
        await Expect(figures.Nth(1)).ToContainTextAsync("+20.0");
        await Expect(figures.Nth(2)).ToContainTextAsync("Paused");

        ILocator differences = visit.Region("Options that differ, of every run").Locator("tbody tr");
        await Expect(differences).ToHaveCountAsync(2);
        await Expect(differences.Nth(0)).ToContainTextAsync("Temperature124");
        await Expect(differences.Nth(1)).ToContainTextAsync("Learning rate1e-40.0010.01");
        ILocator same = visit.Region("Options that differ").Locator("details");
        await Expect(same.Locator("summary")).ToHaveTextAsync(new Regex("^\\d+ options are the same$"));
        await same.Locator("summary").ClickAsync();
        await Expect(same).ToContainTextAsync("Batch size");
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");

        await visit.TabAsync("Parameters");
        await Expect(visit.Page).ToHaveURLAsync(new Regex("&tab=parameters$"));
        ILocator scatter = visit.Region("An option against the perplexity");
        await Expect(scatter.Locator("a.point")).ToHaveCountAsync(2);
        await Expect(scatter).ToContainTextAsync("Left out, for want of a number: Waits");
        await visit.ChooseAsync("Option", "Learning rate");
        await Expect(scatter.GetByLabel("Log learning rate")).Not.ToBeCheckedAsync();
        await scatter.GetByLabel("Log learning rate").CheckAsync();
        await Expect(scatter.Locator("svg[role=group]")).ToContainTextAsync("Learning rate, peak, logarithmic");
        await Expect(visit.Page.Locator(".parallel a")).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator(".parallel a").Last).ToHaveAttributeAsync("aria-label",
            "Warm: Temperature 2, Learning rate 0.001, Perplexity, latest 3.00");
        ILocator point = scatter.Locator("a.point").Last;
        await Expect(point).ToHaveAttributeAsync("aria-label", "Warm: Learning rate 0.001, perplexity 3.00");
        await point.FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Warm");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Perplexity_OtherDataSets_NoneIsTheBest()
    {
        Run[] runs =
        [
            await RunAsync("On boats", 20, new RunOptions { Data = new() { DatasetId = "boats" } }, perplexity: 3),
            await RunAsync("On trains", 20, new RunOptions { Data = new() { DatasetId = "trains" } }, perplexity: 4),
        ];
        await using Visit visit = await chromium.VisitAsync(app, Addresses.Compare(runs.Select(run => run.Id)));
        ILocator figures = visit.Region("Figures");
        await Expect(visit.Page.Locator("[data-figure=verdict]")).ToHaveTextAsync("INCONCLUSIVE");
        await Expect(visit.Page.Locator("[data-figure=verdict-sentence]")).ToContainTextAsync("the runs differ in “Data set”");
        await Expect(figures).ToContainTextAsync("The runs differ in “Data set”");
        await Expect(figures.Locator(".badge", new LocatorLocatorOptions { HasText = "best" })).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Selection_NoneUnknownAddedRemovedDeleted_IsSaidAndStandsInTheAddress()
    {
        Run one = await RunAsync("Selected one", 20), two = await RunAsync("Selected two", 20);
        await using Visit visit = await chromium.VisitAsync(app, "/compare");
        await Expect(visit.Page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Name = "No run is chosen" })).ToBeVisibleAsync();
        await Choice(visit, "Selected one").CheckAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare?runs={one.Id:N}");
        await Expect(visit.Page.Locator("main")).ToContainTextAsync("One run alone is compared with nothing.");
        await visit.Page.GetByLabel("Filter runs by name").FillAsync("selected two");
        await Expect(visit.Page.Locator(".picker li")).ToHaveCountAsync(1);
        await Choice(visit, "Selected two").CheckAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare?runs={one.Id:N},{two.Id:N}");
        ILocator rows = visit.Region("Figures of every run").Locator("tbody tr");
        await Expect(rows).ToHaveCountAsync(2);

        await app.Service<RunService>().DeleteAsync(two.Id);
        await Expect(visit.Page.Locator(".notice.warning")).ToContainTextAsync("The run “Selected two” was deleted meanwhile.");
        await Expect(rows).ToHaveCountAsync(1);
        await visit.Button("Remove Selected one from the comparison").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare");

        await visit.GoAsync($"/compare?runs={one.Id:N},{two.Id:N},nonsense");
        await Expect(visit.Page.Locator(".notice.warning")).ToContainTextAsync("2 runs of the address do not exist.");
        await Expect(visit.Page.Locator(".notice.warning")).ToContainTextAsync($"{two.Id:N}, nonsense");
        await visit.Button("Compare the others").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare?runs={one.Id:N}");
        await Expect(visit.Page.Locator(".notice.warning")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Selection_TwoCheckedAtOnce_NeitherIsLost()
    {
        Run one = await RunAsync("Quickly one", 20), two = await RunAsync("Quickly two", 20);
        await using Visit visit = await chromium.VisitAsync(app, "/compare");
        await visit.Page.GetByLabel("Filter runs by name").FillAsync("quickly");
        await Expect(visit.Page.Locator(".picker li")).ToHaveCountAsync(2);
        // Both before the server has answered either.
        await visit.Page.EvaluateAsync("() => document.querySelectorAll('.picker input').forEach(box => box.click())");
        await Expect(visit.Region("Figures of every run").Locator("tbody tr")).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator(".picker input:checked")).ToHaveCountAsync(2);
        Assert.Contains(one.Id.ToString("N"), visit.Page.Url);
        Assert.Contains(two.Id.ToString("N"), visit.Page.Url);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Live_RowsArriveAndTheRunBeginsAnew_CurvesFollow()
    {
        Run still = await RunAsync("At rest", 30), grows = await RunAsync("Growing", 10);
        DatabaseWriter writer = app.Service<DatabaseWriter>();
        await writer.WriteAsync(db => db.Runs.Where(run => run.Id == grows.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(run => run.Status, RunStatus.Paused)));
        await using Visit visit = await VisitAsync([still, grows]);
        await WaitForPointsAsync(visit, 40);

        await AppendAsync(grows, 11, 25, attempt: 1);
        await WaitForPointsAsync(visit, 55);
        // The next attempt goes on from update 15: what came after it is replaced.
        await writer.WriteAsync(async db =>
        {
            await db.StepRows.Where(row => row.RunId == grows.Id && row.Step > 15).ExecuteDeleteAsync();
            await db.Runs.Where(run => run.Id == grows.Id).ExecuteUpdateAsync(set => set.SetProperty(run => run.Attempt, 2));
        });
        await AppendAsync(grows, 16, 18, attempt: 2);
        await WaitForPointsAsync(visit, 48);
        Assert.Equal(0, await visit.Page.EvaluateAsync<int>("() => window.webdistillCompare.gaps + window.webdistillCompare.duplicates"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Runs_TwoChosen_CompareOpensThem()
    {
        Run one = await RunAsync("Choosable one", 20), two = await RunAsync("Choosable two", 20);
        await using Visit visit = await chromium.VisitAsync(app, "/");
        await visit.Page.GetByLabel("Filter runs").FillAsync("choosable");
        await Expect(visit.Region("Runs").Locator("tbody tr")).ToHaveCountAsync(2);
        await visit.Page.GetByLabel("Choose Choosable one").CheckAsync();
        ILocator bar = visit.Page.GetByRole(AriaRole.Region, new PageGetByRoleOptions { Name = "Chosen runs" });
        await Expect(bar).ToContainTextAsync("1 run chosen");
        await Expect(visit.Button("Compare")).ToBeDisabledAsync();
        await visit.Button("Clear").ClickAsync();
        await Expect(bar).ToHaveCountAsync(0);
        await visit.Page.GetByLabel("Choose all runs shown").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Space");
        await Expect(bar).ToContainTextAsync("2 runs chosen");
        await visit.AssertAccessibleAsync();
        await visit.Button("Compare").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare?runs={two.Id:N},{one.Id:N}");
        await Expect(visit.Region("Figures of every run").Locator("tbody tr")).ToHaveCountAsync(2);
        visit.AssertNoFaults();
    }

    private Task<Visit> VisitAsync(Run[] runs) => chromium.VisitAsync(app, $"{Addresses.Compare(runs.Select(run => run.Id))}&tab=curves");

    private static ILocator Choice(Visit visit, string run) =>
        visit.Page.GetByRole(AriaRole.Complementary, new PageGetByRoleOptions { Name = "Runs" }).GetByRole(AriaRole.Checkbox, new LocatorGetByRoleOptions { Name = run });

    private static Task WaitForPointsAsync(Visit visit, int points) =>
        visit.Page.WaitForFunctionAsync("n => window.webdistillCompare?.points === n && window.webdistillCompare.draws > 0", points);

    private static async Task<Position> PlaceAsync(ILocator plot, float share) => new() { X = share * await WidthAsync(plot), Y = 60 };

    /// <summary>Width of a plot, once it has one: a chart that is drawn anew has none for a moment.</summary>
    private static async Task<float> WidthAsync(ILocator plot)
    {
        float width = 0;
        for (int i = 0; width == 0; i++)
        {
            Assert.True(i < 600, "The plot has no width.");
            if (i > 0)
                await Task.Delay(20);
            width = await plot.EvaluateAsync<float>("plot => plot.clientWidth");
        }
        return width;
    }

    private async Task<Run> RunAsync(string name, int steps, RunOptions? options = null, double? perplexity = null)
    {
        Run run = await SmallRuns.RecordedAsync(app, name, Math.Max(1, steps));
        string json = JsonSerializer.Serialize((options ?? new RunOptions { Objective = Terms.Of(temperature: 3) }) with { Name = name }, WebJson.Options);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Run stored = await db.Runs.SingleAsync(r => r.Id == run.Id);
            stored.OptionsJson = json;
            if (perplexity is not null)
                stored.ValidationPerplexity = perplexity;
            if (steps == 0)
            {
                (stored.Status, stored.Step, stored.StartedAt, stored.ValidationPerplexity) = (RunStatus.Paused, 0, null, null);
                (stored.TotalLoss, stored.TokensPerSecond) = (null, null);
                await db.StepRows.Where(row => row.RunId == run.Id).ExecuteDeleteAsync();
                await db.Measurements.Where(one => one.RunId == run.Id).ExecuteDeleteAsync();
            }
            await db.SaveChangesAsync();
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
        return run;
    }

    private async Task AppendAsync(Run run, int from, int to, int attempt)
    {
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            for (int step = from; step <= to; step++)
                db.StepRows.Add(new StepRow
                {
                    RunId = run.Id, Step = step, Attempt = attempt, Epoch = step / 10.0, TokensSeen = 2048 * step, TotalLoss = 2.0 / step,
                    Values = PackedNumbers.Pack(null, null, null, 1e-3, 1, 4000, 1, 0.5),
                });
            await db.SaveChangesAsync();
            await db.Runs.Where(r => r.Id == run.Id).ExecuteUpdateAsync(set => set.SetProperty(r => r.Step, to));
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
    }
}
