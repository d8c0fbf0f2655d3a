using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Layout;

/// <summary>What stands around every page: the palette, the shortcuts, the notifications, the way through a narrow window, the lost connection.</summary>
[Trait("needs", "browser")]
public sealed class FrameTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Palette_ByKeyboardAlone_FindsARunAndGoesThere()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Palette <b>run</b>", 10);
        await using Visit visit = await chromium.VisitAsync(app, "/settings");
        await visit.Page.Keyboard.PressAsync("Control+k");
        ILocator box = visit.Page.GetByRole(AriaRole.Combobox, new() { Name = "Go to" });
        await Expect(box).ToBeFocusedAsync();
        await visit.Page.Keyboard.TypeAsync("palette run");
        await Expect(visit.Page.GetByRole(AriaRole.Option)).ToHaveCountAsync(1);
        await visit.AssertAccessibleAsync();
        await visit.Page.Keyboard.PressAsync("ArrowDown");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/runs/{run.Id:N}");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Palette_Escape_LeavesThePageAsItWas()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/settings");
        await visit.Page.Keyboard.PressAsync("Control+k");
        await Expect(visit.Page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        // Once for the list that is open, once for the dialog.
        await Expect(visit.Page.GetByRole(AriaRole.Option).First).ToBeVisibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(visit.Page.GetByRole(AriaRole.Option)).ToHaveCountAsync(0);
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(visit.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/settings");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Shortcuts_QuestionMark_ListsThem()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/models");
        await visit.Page.Keyboard.PressAsync("?");
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("new run");
        await visit.AssertAccessibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Notifications_OfTheSystem_AreSaidOfARunThatEndsBehindOtherWindows()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/settings?tab=notifications");
        await visit.Page.Context.GrantPermissionsAsync(["notifications"]);
        // The system's own are seen by nobody here: what is handed to them is kept.
        await visit.Page.EvaluateAsync("""
            window.said = []; window.Notification = class { static permission = "granted"; static requestPermission = async () => "granted"; constructor(title, options) { said.push(`${title}: ${options.body}`); } };
            Object.defineProperty(document, "hidden", { get: () => true });
            """);
        await visit.Page.GetByRole(AriaRole.Switch, new() { Name = "Tell me when a run comes to rest" }).CheckAsync();
        Run run = await app.Service<RunService>().CreateAsync(SmallRuns.Training(await SmallRuns.DatasetAsync(app)));
        await visit.Page.WaitForFunctionAsync("() => said.length > 0");
        Assert.Matches($"^{Regex.Escape(run.Name)}: Completed after [1-9][0-9]* updates\\.$", await visit.Page.EvaluateAsync<string>("said.join()"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Notifications_ARunThatEndedMeanwhile_IsCountedUntilTheyAreRead()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/models");
        await Expect(visit.Button("Notifications")).ToBeVisibleAsync();
        await Expect(visit.Button("Notifications")).ToHaveAttributeAsync("aria-label", "Notifications");
        Run run = await SmallRuns.RecordedAsync(app, "Ended meanwhile", 10);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            (await db.Runs.FindAsync(run.Id))!.FinishedAt = DateTime.UtcNow.AddSeconds(1);
            await db.SaveChangesAsync();
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
        await visit.Button("Notifications: 1 run came to rest").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Menuitem).First).ToContainTextAsync("Ended meanwhile");
        await visit.AssertAccessibleAsync();
        await visit.Page.GetByRole(AriaRole.Menuitem).First.ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/runs/{run.Id:N}");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task NarrowWindow_More_LeadsToWhatDoesNotFit()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/", width: 400);
        await Expect(visit.Link("Playground")).ToBeVisibleAsync();
        await Expect(visit.Link("Datasets")).Not.ToBeVisibleAsync();
        await visit.Button("More pages").ClickAsync();
        await visit.AssertAccessibleAsync();
        await visit.MenuItem("Datasets").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Datasets");
        visit.AssertNoFaults();
    }
}
