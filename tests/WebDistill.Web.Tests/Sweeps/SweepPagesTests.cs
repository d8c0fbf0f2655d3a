using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Sweeps;

[Trait("needs", "browser")]
public sealed class SweepPagesTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Launch_PresetEdited_TrainsAndItsPageMarksTheBest()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Guid id = await app.StartAsync(SmallRuns.Training(dataset).With(o => o with { Schedule = o.Schedule with { ValidationIntervalSteps = 0 } }));
        await app.EndOfRunAsync(id);
        await using Visit visit = await chromium.VisitAsync(app, $"/sweeps/new?run={id:N}");
        // Without a teacher the presets about it cannot be chosen, and the first other one is.
        await Expect(visit.Button("Hinton's temperatures")).ToBeDisabledAsync();
        await Expect(visit.Button("Learning rate")).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(6);

        await ReplaceValuesAsync(visit, 0, "1e-9, fast");
        await Expect(visit.Page.Locator("#dimension-0-problem")).ToContainTextAsync("“fast” is not a number");
        await Expect(visit.Page.Locator("#launch")).ToHaveAttributeAsync("aria-disabled", "true");
        await visit.Page.Locator(".problem-list a").ClickAsync();
        await Expect(visit.Page.Locator("#dimension-0")).ToBeFocusedAsync();
        await ReplaceValuesAsync(visit, 0, "1e-9, -1");
        await Expect(visit.Page.Locator(".points-preview .cannot")).ToContainTextAsync("The value is -1");
        await ReplaceValuesAsync(visit, 0, "1e-9, 3e-3");
        await visit.Button("Three seeds").ClickAsync();
        await ReplaceValuesAsync(visit, 1, "1..2");
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(4);
        await visit.AssertAccessibleAsync();
        await visit.Button("Launch 4 runs").ClickAsync();

        await Expect(visit.Page).ToHaveURLAsync(new Regex("/sweeps/[0-9a-f]{32}$"));
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Sweep of learning rate × seed");
        await Expect(visit.Page.Locator(".run-line")).ToContainTextAsync("4 / 4 runs complete");
        ILocator best = visit.Page.Locator(".sweep-table tbody tr").First;
        await Expect(best).ToContainTextAsync("learning rate = 0.003");
        await Expect(best.Locator(".badge")).ToHaveTextAsync("best");
        await Expect(best.Locator(".sweep-runs li")).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator("svg.dimension-chart circle.mean.best")).ToHaveCountAsync(1);
        await Expect(visit.Page.Locator("svg.dimension-chart line.interval")).ToHaveCountAsync(2);
        await visit.AssertAccessibleAsync();
        await best.GetByRole(AriaRole.Link).First.ClickAsync();
        await Expect(visit.Page.Locator(".run-head"))
            .ToContainTextAsync("part of the sweep Sweep of learning rate × seed: learning rate = 0.003, seed 1");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task SeveralOptionsAndARange_Typed_ArePreviewed()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Base", 10);
        await using Visit visit = await chromium.VisitAsync(app, $"/sweeps/new?run={run.Id:N}");
        await visit.ChooseAsync("Varies", "Several options at once");
        await visit.Page.GetByLabel("Label of the value").FillAsync("ce");
        await visit.Page.GetByLabel("What ce changes").FillAsync("alphaCE = 5");
        await Expect(visit.Page.Locator("#dimension-0-problem")).ToContainTextAsync("“alphaCE” of the value “ce” is no option");
        await visit.Button("Remove the dimension learning rate").ClickAsync();
        await visit.ChooseAsync("Points", "Random: some combinations, drawn by a seed");
        await visit.Page.Locator("#add-dimension").ClickAsync();
        await visit.ChooseAsync("Given as", "a range");
        await visit.Page.FillAsync("#minimum-0", "1e-4");
        await visit.Page.FillAsync("#maximum-0", "1e-2");
        await visit.ChooseAsync("Drawn evenly", "by logarithm");
        await visit.Page.FillAsync("#draws", "7");
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(7);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Sweep_PartlyComplete_RanksStopsAndDeletes()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "Recorded temperatures");
        await using Visit visit = await chromium.VisitAsync(app, "/sweeps", ColorScheme.Dark);
        ILocator row = visit.Page.Locator("tbody tr", new PageLocatorOptions { HasText = "Recorded temperatures" });
        await Expect(row).ToContainTextAsync("4 / 6");
        await Expect(row).ToContainTextAsync("10.00");
        await Expect(row).ToContainTextAsync("T = 4");
        await visit.AssertAccessibleAsync();
        await row.ClickAsync();

        ILocator rows = visit.Page.Locator(".sweep-table tbody tr");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(rows.First.Locator(".badge")).ToHaveTextAsync("best so far");
        await Expect(rows.First).ToContainTextAsync("± 12.71");
        await Expect(visit.Page.Locator("[data-figure=verdict]")).ToHaveTextAsync("INCONCLUSIVE");
        await Expect(visit.Page.Locator("[data-figure=verdict-sentence]")).ToContainTextAsync("T = 1 is worse than T = 4 by 2.5 ±\u00a06.4 (95\u202f% interval, n = 2): the difference may be 0");
        await Expect(visit.Page.Locator("[data-figure=between]")).ToHaveTextAsync("The arms differ in “Temperature” alone.");
        await Expect(visit.Region("Arms").Locator("tbody tr")).ToHaveCountAsync(3);
        await Expect(visit.Button("Make the baseline (2 runs)")).ToBeVisibleAsync();
        await visit.Button("Export the verdict").ClickAsync();
        await Expect(visit.MenuItem("HTML, one file")).ToHaveAttributeAsync("href", $"/api/sweeps/{sweep.Id:N}/verdict?format=html");
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(visit.Page.Locator("svg.dimension-chart")).ToHaveAttributeAsync("aria-label", new Regex("T\\. 1: 12\\.50"));
        await Expect(visit.Link("Compare these runs"))
            .ToHaveAttributeAsync("href", new Regex("^/compare\\?runs=([0-9a-f]{32},){5}[0-9a-f]{32}$"));
        await visit.AssertAccessibleAsync();

        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await visit.Button("Stop the rest").ClickAsync();
        await Expect(dialog).ToContainTextAsync("1 run that waits, rests or trains ends");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Stop the rest" }).ClickAsync();
        await Expect(visit.Button("Stop the rest")).ToHaveCountAsync(0);
        await Expect(rows.First.Locator(".badge")).ToHaveTextAsync("best");

        await visit.Button("Actions for Recorded temperatures").ClickAsync();
        await visit.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Delete" }).ClickAsync();
        await Expect(dialog).ToContainTextAsync("Its runs can stay");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keep the runs" }).ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/sweeps");
        Assert.Equal(6, (await app.Service<RunService>().ListAsync())
            .Count(run => run.Name.StartsWith("Recorded temperatures", StringComparison.Ordinal)));
        Assert.Null(await app.Service<RunService>().FindSweepNameAsync(sweep.Id));
        visit.AssertNoFaults();
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Halving_Chosen_IsPreviewedAndThePageSaysWhoWentOnAndWhoWasStopped(ColorScheme theme)
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Guid id = await app.StartAsync(SmallRuns.Training(dataset).With(o => o with { Schedule = o.Schedule with { ValidationIntervalSteps = 0 } }));
        await app.EndOfRunAsync(id);
        await using Visit visit = await chromium.VisitAsync(app, $"/sweeps/new?run={id:N}", theme);
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(6);
        await visit.ChooseAsync("Runs end", "Early, by successive halving: the best go on");
        await visit.Page.GetByLabel("First compared after").FillAsync("100000");
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("expected fewer than the");
        await visit.Page.Locator(".problem-list a").ClickAsync();
        await Expect(visit.Page.GetByLabel("First compared after")).ToBeFocusedAsync();
        await visit.Page.GetByLabel("First compared after").FillAsync("4");
        await visit.Page.GetByLabel("One goes on of every").FillAsync("2");
        await Expect(visit.Page.Locator("[data-figure=rungs]")).ToContainTextAsync(new Regex(@"^6 points to update 4, 3 to 8, 1 to \d+: .+ updates instead of .+\.$"));
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"sweeps-new-halving-{theme}");
        await visit.Button("Launch 6 runs").ClickAsync();

        ILocator rungs = visit.Region("Rungs").Locator("tbody tr");
        // Ten starts of a run, one after the other.
        await Expect(rungs.First).ToContainTextAsync("Trained to its end.", new() { Timeout = 240_000 });
        await Expect(rungs).ToHaveCountAsync(6);
        await Expect(rungs.Nth(1)).ToContainTextAsync("Stopped at update 8: 2nd of 3.");
        await Expect(rungs.Last).ToContainTextAsync("Stopped at update 4: 6th of 6.");
        await Expect(visit.Page.Locator(".sweep-table tbody tr").First.Locator(".badge")).ToHaveTextAsync("best");
        await Expect(visit.Page.Locator("[data-figure=verdict-sentence]")).ToContainTextAsync("alone was trained to its end");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"sweep-halved-{theme}");
        await visit.Page.SetViewportSizeAsync(400, 900);
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"sweep-halved-{theme}-400");
        string wide = await visit.Page.EvaluateAsync<string>("""
            () => document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1
              && !e.closest(".data-table, .table-wrap, .visually-hidden")).map(e => `${Math.round(e.getBoundingClientRect().right)} ${e.outerHTML.slice(0, 120)}`).slice(0, 8).join("\n")
            """);
        Assert.True(wide == "", $"The page is wider than its window: {wide}");
        visit.AssertNoFaults();
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Bayesian_Chosen_IsRefusedWithHalving_AndThePageSaysWhatWasDrawnAndWhatProposed(ColorScheme theme)
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Guid id = await app.StartAsync(SmallRuns.Training(dataset));
        await app.EndOfRunAsync(id);
        await using Visit visit = await chromium.VisitAsync(app, $"/sweeps/new?run={id:N}", theme);
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(6);
        await visit.ChooseAsync("Points", "Bayesian: each next point where an improvement is most expected");
        await visit.ChooseAsync("Given as", "a range");
        await visit.Page.FillAsync("#minimum-0", "1e-4");
        await visit.Page.FillAsync("#maximum-0", "1e-2");
        await visit.ChooseAsync("Drawn evenly", "by logarithm");
        await visit.Page.GetByLabel("Points in all").FillAsync("3");
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("The value is 5, and the sweep has 3 points: none would be proposed.");
        await visit.Page.Locator(".problem-list a").ClickAsync();
        await Expect(visit.Page.GetByLabel("First ones, drawn")).ToBeFocusedAsync();
        await visit.Page.GetByLabel("First ones, drawn").FillAsync("2");
        await Expect(visit.Page.Locator(".points-preview .point")).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator("[data-figure=to-come]")).ToContainTextAsync("1 more run follows");
        await visit.ChooseAsync("Runs end", "Early, by successive halving: the best go on");
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("A Bayesian search learns from where whole runs end");
        await visit.ChooseAsync("Runs end", "After all their updates");
        await Expect(visit.Button("Launch 3 runs")).ToBeEnabledAsync();
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"sweeps-new-bayesian-{theme}");
        await visit.Button("Launch 3 runs").ClickAsync();

        ILocator rows = visit.Page.Locator(".sweep-table tbody tr");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(visit.Page.Locator(".run-line")).ToContainTextAsync(new Regex(@"^\s*3\s*/ 3 runs complete"));
        await Expect(rows.Filter(new LocatorFilterOptions { HasText = "proposed" })).ToHaveCountAsync(1);
        await Expect(rows.Filter(new LocatorFilterOptions { HasText = "first" })).ToHaveCountAsync(2);
        await Expect(visit.Page.Locator(".run-figures")).ToContainTextAsync("Bayesian, seed 1");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"sweep-bayesian-{theme}");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Values_RemovedFasterThanThePageAnswers_AreThoseThatWereMeant()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Base of quick clicks", 10);
        await using var slow = new SlowConnection(new Uri(app.Address).Port, TimeSpan.FromMilliseconds(150));
        IPage page = await chromium.OpenAsync($"http://127.0.0.1:{slow.Port}/sweeps/new?run={run.Id:N}");
        ILocator chips = page.Locator(".chips .chip");
        await Expect(chips).ToHaveTextAsync(["1e-4", "2e-4", "5e-4", "0.001", "0.002", "0.003"]);
        // The buttons as they stand before any answer: the second, the third and the last one, which is no longer there when its click arrives.
        await page.EvaluateAsync("() => { const buttons = [...document.querySelectorAll('.chip button')]; for (const place of [1, 2, 5]) buttons[place].click(); }");
        await Expect(chips).ToHaveTextAsync(["1e-4", "0.001", "0.002"]);
        await Expect(page.Locator("#values-0")).ToBeFocusedAsync();
        await Expect(page.Locator(".points-preview .point")).ToHaveCountAsync(3);
    }

    // Empties a list of values and types others.
    private static async Task ReplaceValuesAsync(Visit visit, int dimension, string values)
    {
        ILocator chips = visit.Page.Locator($".chips:has(#values-{dimension})");
        // A dimension that was just added has its values when it has its box: before that there is nothing to empty.
        await Expect(chips).ToBeVisibleAsync();
        for (ILocator remove = chips.GetByRole(AriaRole.Button); await remove.CountAsync() is > 0 and int left;)
        {
            await remove.First.ClickAsync();
            await Expect(remove).ToHaveCountAsync(left - 1);
        }
        await visit.Page.FillAsync($"#values-{dimension}", values);
        await visit.Page.PressAsync($"#values-{dimension}", "Enter");
    }

    [Fact]
    public async Task Pages_WithoutARunOrASweep_SayWhatToDoNext()
    {
        await using var own = new WebDistillApp();
        await using Visit visit = await chromium.VisitAsync(own, "/sweeps");
        await Expect(visit.Page.Locator("h2")).ToHaveTextAsync("Nothing has been compared yet");
        await visit.AssertAccessibleAsync();
        await visit.Link("New sweep").ClickAsync();
        await Expect(visit.Page.Locator("h2")).ToHaveTextAsync("A sweep begins with a run");
        await visit.GoAsync($"/sweeps/{Guid.NewGuid():N}");
        await Expect(visit.Page.Locator("h2")).ToHaveTextAsync("This sweep does not exist");
        visit.AssertNoFaults();
    }
}
