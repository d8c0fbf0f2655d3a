using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

[Trait("needs", "browser")]
public sealed class RunsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Table_SomeRuns_FiltersSortsOpensAndDeletes()
    {
        const string longName = "Alpha run of a sweep with many words: variant = all terms, T = 8, random initialisation, seed 3";
        Run alpha = await SmallRuns.RecordedAsync(app, longName, 30);
        Run beta = await SmallRuns.RecordedAsync(app, "Beta run", 60);
        await using Visit visit = await chromium.VisitAsync(app, "/");
        ILocator rows = visit.Rows("Runs");
        await Expect(rows).ToHaveCountAsync(2);
        await Expect(rows.First).ToContainTextAsync("Beta run");
        await Expect(rows.First).ToContainTextAsync("+10.0");
        await Expect(rows.First).ToContainTextAsync("60 % of the teacher");
        await Expect(rows.First.Locator("svg.sparkline")).ToBeVisibleAsync();
        foreach (int width in new[] { 400, 640, 900, 1100, 1440 })
        {
            await visit.Page.SetViewportSizeAsync(width, 900);
            string widths = await visit.Page.EvaluateAsync<string>(
                "() => { const t = document.querySelector('.data-table .mud-table-container'); return t.scrollWidth > t.clientWidth ? `${t.scrollWidth} in ${t.clientWidth}: ${[...t.querySelectorAll('th')].map(h => h.textContent + ' ' + h.offsetWidth)}` : ''; }");
            Assert.True(widths == "", $"In a window of {width} pixels the table takes {widths}.");
        }
        await app.Service<RunService>().RenameAsync(alpha.Id, "Alpha run");

        await visit.Button("Name").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("Alpha run");
        await visit.Page.Keyboard.PressAsync("/");
        await Expect(visit.Page.Locator("[data-filter]")).ToBeFocusedAsync();
        await visit.Page.Keyboard.TypeAsync("beta");
        await Expect(rows).ToHaveCountAsync(1);
        await rows.First.Locator(".progress").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/runs/{beta.Id:N}");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Beta run");

        await visit.Page.GetByRole(AriaRole.Navigation, new() { Name = "Main" }).GetByRole(AriaRole.Link, new() { Name = "Runs", Exact = true }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(2);
        await visit.Button("Actions for Alpha run").ClickAsync();
        await visit.MenuItem("Delete").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("Deletes the run with its 30 recorded steps and its log.");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Cancel" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(rows).ToHaveCountAsync(2);
        await visit.Button("Actions for Alpha run").ClickAsync();
        await visit.MenuItem("Delete").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Delete" }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(1);
        Assert.DoesNotContain(await app.Service<RunService>().ListAsync(), run => run.Name == "Alpha run");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Address_FilterOrderAndGroup_AreKeptByAReloadAndByBack()
    {
        await SmallRuns.RecordedAsync(app, "Gamma run", 30);
        await using Visit visit = await chromium.VisitAsync(app, "/");
        await visit.Button("Completed").ClickAsync();
        await visit.Button("Name").ClickAsync();
        await visit.Page.GetByLabel("Filter runs by name or status").FillAsync("gamma");
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/?show=completed&order=name&filter=gamma");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await visit.Page.ReloadAsync();
        await Expect(visit.Page.GetByLabel("Filter runs by name or status")).ToHaveValueAsync("gamma");
        await Expect(visit.Button("Completed")).ToHaveAttributeAsync("aria-pressed", "true");
        await Expect(visit.Page.GetByRole(AriaRole.Columnheader, new() { Name = "Name" })).ToHaveAttributeAsync("aria-sort", "ascending");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await visit.Link("Gamma run").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Gamma run");
        await visit.Page.GoBackAsync();
        await Expect(visit.Page.GetByLabel("Filter runs by name or status")).ToHaveValueAsync("gamma");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Chosen_SomeRuns_AreDeletedTogether()
    {
        foreach (string name in (string[])["Heap 1", "Heap 2", "Heap 3"])
            await SmallRuns.RecordedAsync(app, name, 10);
        await using Visit visit = await chromium.VisitAsync(app, "/?filter=heap&order=name");
        await visit.Page.GetByLabel("Choose Heap 1").CheckAsync();
        await visit.Page.GetByLabel("Choose Heap 3").ClickAsync(new LocatorClickOptions { Modifiers = [KeyboardModifier.Shift] });
        await Expect(visit.Page.GetByText("3 runs chosen")).ToBeVisibleAsync();
        await visit.Page.GetByLabel("Choose Heap 2").UncheckAsync();
        await visit.Button("Stop").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("All 2 runs have ended already");
        await visit.Button("Delete").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("Delete 2 runs?");
        await Expect(dialog).ToContainTextAsync("Deletes them with their 20 recorded steps and their logs.");
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete them" }).ClickAsync();
        await Expect(visit.Page.GetByText("Deleted 2 runs")).ToBeVisibleAsync();
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await Expect(visit.Rows("Runs")).ToContainTextAsync("Heap 2");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Sweep_WithRuns_IsOneRowThatOpens()
    {
        Guid sweep = Guid.NewGuid();
        await using (WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync())
        {
            db.Sweeps.Add(new Sweep { Id = sweep, Name = "Temperatures", PlanJson = "{}", CreatedAt = DateTime.UtcNow });
            await db.SaveChangesAsync();
        }
        foreach (int temperature in (int[])[1, 2, 4])
        {
            Run run = await SmallRuns.RecordedAsync(app, $"Temperatures: T = {temperature}", 10);
            await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            await db.Runs.Where(stored => stored.Id == run.Id).ExecuteUpdateAsync(set => set.SetProperty(stored => stored.SweepId, sweep));
        }
        await using Visit visit = await chromium.VisitAsync(app, "/");
        ILocator row = visit.Rows("Runs").Filter(new LocatorFilterOptions { HasText = "Temperatures" });
        await Expect(row).ToHaveCountAsync(1);
        await Expect(row).ToContainTextAsync("3 of 3 ended");
        await Expect(row).ToContainTextAsync("30 / 30");
        await visit.Button("Show the runs of Temperatures").ClickAsync();
        await Expect(row).ToHaveCountAsync(4);
        await Expect(row.Nth(1)).ToContainTextAsync("T = 1");
        await visit.Page.GetByLabel("Choose Temperatures: T = 4").CheckAsync();
        await visit.Button("Fold the runs of Temperatures").ClickAsync();
        await Expect(row).ToHaveCountAsync(1);
        // Who looks for a run is shown it, and not its sweep.
        await visit.Page.GetByLabel("Filter runs by name or status").FillAsync("temperatures");
        await Expect(row).ToHaveCountAsync(3);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Columns_Chosen_AreKeptByTheBrowser()
    {
        await SmallRuns.RecordedAsync(app, "Delta run", 10);
        await using Visit visit = await chromium.VisitAsync(app, "/?filter=delta");
        ILocator speed = visit.Page.GetByRole(AriaRole.Columnheader, new() { Name = "Tokens/s" });
        await Expect(speed).ToBeVisibleAsync();
        await visit.Button("Columns of the runs").ClickAsync();
        await visit.AssertAccessibleAsync();
        await visit.Page.GetByRole(AriaRole.Menuitemcheckbox, new() { Name = "Tokens/s" }).ClickAsync();
        await Expect(speed).ToHaveCountAsync(0);
        await visit.GoAsync("/?filter=delta");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await Expect(speed).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Keyboard_Shortcuts_GoWhereTheySay()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/datasets");
        await visit.Page.Keyboard.PressAsync("n");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("New run");
        await visit.Page.Keyboard.PressAsync("g");
        await visit.Page.Keyboard.PressAsync("r");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Runs");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Theme_Chosen_StaysAfterReload()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/");
        await visit.Button("Dark theme").ClickAsync();
        Assert.Equal("rgb(15, 17, 20)", await BackgroundAsync(visit));
        await visit.GoAsync("/models");
        Assert.Equal("rgb(15, 17, 20)", await BackgroundAsync(visit));
        await Expect(visit.Button("Dark theme")).ToHaveAttributeAsync("aria-pressed", "true");
        visit.AssertNoFaults();
    }

    private static Task<string> BackgroundAsync(Visit visit) => visit.Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor");
}
