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
        ILocator rows = visit.Page.Locator(".runs-table tbody tr");
        await Expect(rows).ToHaveCountAsync(2);
        await Expect(rows.First).ToContainTextAsync("Beta run");
        await Expect(rows.First).ToContainTextAsync("+10.0");
        await Expect(rows.First).ToContainTextAsync("60 % of the teacher");
        await Expect(rows.First.Locator("svg.sparkline")).ToBeVisibleAsync();
        foreach (int width in new[] { 640, 900, 1100, 1400 })
        {
            await visit.Page.SetViewportSizeAsync(width, 900);
            Assert.Equal(0, await visit.Page.EvaluateAsync<int>(
                "() => { const table = document.querySelector('.table-wrap'); return table.scrollWidth - table.clientWidth; }"));
        }
        await app.Service<RunService>().RenameAsync(alpha.Id, "Alpha run");

        await visit.Button("Name").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("Alpha run");
        await visit.Page.Keyboard.PressAsync("/");
        await Expect(visit.Page.Locator("[data-filter]")).ToBeFocusedAsync();
        await visit.Page.Keyboard.TypeAsync("beta");
        await Expect(rows).ToHaveCountAsync(1);
        await rows.First.Locator("td.progress").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/runs/{beta.Id:N}");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Beta run");

        await visit.Link("Runs").ClickAsync();
        await Expect(rows).ToHaveCountAsync(2);
        await visit.Button("Actions for Alpha run").ClickAsync();
        await visit.Page.Locator("[popover]:popover-open button.danger").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("Deletes the run with its 30 recorded steps and its log.");
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Keep" }).ClickAsync();
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(rows).ToHaveCountAsync(2);
        await visit.Button("Actions for Alpha run").ClickAsync();
        await visit.Page.Locator("[popover]:popover-open button.danger").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Delete" }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(1);
        Assert.DoesNotContain(await app.Service<RunService>().ListAsync(), run => run.Name == "Alpha run");
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
