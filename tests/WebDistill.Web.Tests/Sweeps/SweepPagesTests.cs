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
        Guid id = await app.StartAsync(SmallRuns.Training(dataset) with { ValidationIntervalSteps = 0 });
        await app.EndOfRunAsync(id);
        await using Visit visit = await chromium.VisitAsync(app, $"/sweeps/new?run={id:N}");
        // Without a teacher the presets about it cannot be chosen, and the first other one is.
        await Expect(visit.Button("Hinton's temperatures")).ToBeDisabledAsync();
        await Expect(visit.Button("Learning rate")).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(visit.Page.Locator(".points-preview tbody tr")).ToHaveCountAsync(6);

        await visit.Page.FillAsync("#values-0", "1e-9, fast");
        await Expect(visit.Page.Locator("#dimension-0-problem")).ToContainTextAsync("“fast” is not a number");
        await Expect(visit.Page.Locator("#launch")).ToHaveAttributeAsync("aria-disabled", "true");
        await visit.Page.Locator(".problem-list a").ClickAsync();
        await Expect(visit.Page.Locator("#dimension-0")).ToBeFocusedAsync();
        await visit.Page.FillAsync("#values-0", "1e-9, -1");
        await Expect(visit.Page.Locator(".points-preview .cannot")).ToContainTextAsync("The value is -1");
        await visit.Page.FillAsync("#values-0", "1e-9, 3e-3");
        await visit.Button("Three seeds").ClickAsync();
        await visit.Page.FillAsync("#values-1", "1, 2");
        await Expect(visit.Page.Locator(".points-preview tbody tr")).ToHaveCountAsync(4);
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
        await visit.Page.SelectOptionAsync("#option-0", "");
        await visit.Page.GetByLabel("Label of the value").FillAsync("ce");
        await visit.Page.GetByLabel("What ce changes").FillAsync("alphaCE = 5");
        await Expect(visit.Page.Locator("#dimension-0-problem")).ToContainTextAsync("“alphaCE” of the value “ce” is no option");
        await visit.Button("Remove the dimension learning rate").ClickAsync();
        await visit.Page.SelectOptionAsync("#strategy", "Random");
        await visit.Page.Locator("#add-dimension").ClickAsync();
        await visit.Button("Range").ClickAsync();
        await visit.Page.FillAsync("#minimum-0", "1e-4");
        await visit.Page.FillAsync("#maximum-0", "1e-2");
        await visit.Page.SelectOptionAsync("#scale-0", "logarithm");
        await visit.Page.FillAsync("#draws", "7");
        await Expect(visit.Page.Locator(".points-preview tbody tr")).ToHaveCountAsync(7);
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
        await Expect(visit.Page.Locator(".sweep-verdict")).ToContainTextAsync("the difference between T = 4 and T = 1 may be 0");
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

        await visit.Button("Delete").ClickAsync();
        await Expect(dialog).ToContainTextAsync("Its runs can stay");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keep the runs" }).ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/sweeps");
        Assert.Equal(6, (await app.Service<RunService>().ListAsync())
            .Count(run => run.Name.StartsWith("Recorded temperatures", StringComparison.Ordinal)));
        Assert.Null(await app.Service<RunService>().FindSweepNameAsync(sweep.Id));
        visit.AssertNoFaults();
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
