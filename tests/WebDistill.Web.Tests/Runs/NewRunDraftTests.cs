using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Reliability;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>The finding "half filled form; server restarted: name and every value gone": what is typed stays in the browser until it is launched.</summary>
[Trait("needs", "browser")]
public sealed class NewRunDraftTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Draft_LeftAndReloaded_IsRestoredUntilItIsLaunched()
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        ILocator restored = visit.Page.GetByText("What you typed here before is restored.");
        await Expect(restored).ToHaveCountAsync(0);
        await visit.Button("Train a teacher").ClickAsync();
        foreach ((string field, string value) in new[] { ("name", "Half a form"), ("student.layerCount", "1"), ("student.width", "16"), ("student.heads", "2"), ("data.contextLength", "16"), ("schedule.epochs", "7") })
            await visit.Page.FillAsync($"[id='{field}']", value);
        await KeptAsync(visit.Page, "\"schedule.epochs\":\"7\"");

        await visit.GoAsync("/datasets");
        await visit.Page.GoBackAsync();
        await Expect(restored).ToBeVisibleAsync();
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("Half a form");
        await Expect(visit.Page.Locator("[id='schedule.epochs']")).ToHaveValueAsync("7");
        await visit.AssertAccessibleAsync();

        await visit.Button("Start afresh").ClickAsync();
        await Expect(restored).ToHaveCountAsync(0);
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("");

        await visit.Page.WaitForFunctionAsync("() => 'interactive' in document.documentElement.dataset");
        await visit.Button("Train a teacher").ClickAsync();
        foreach ((string field, string value) in new[] { ("name", "Launched"), ("student.layerCount", "1"), ("student.width", "16"), ("student.heads", "2"), ("data.contextLength", "16"), ("schedule.epochs", "1") })
            await visit.Page.FillAsync($"[id='{field}']", value);
        await Expect(visit.Page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
        // Ctrl+Enter launches, wherever the caret is.
        await visit.Page.Locator("#name").PressAsync("Control+Enter");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Launched");
        await visit.GoAsync("/runs/new");
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("");
        await Expect(restored).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    [Trait("needs", "kill")]
    public async Task Draft_ServerRestartedUnderAHalfFilledForm_IsFoundAgain()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        ServerProcess server = await ServerProcess.StartAsync(root.FullName);
        try
        {
            IPage page = await chromium.OpenAsync($"{server.Address}/runs/new");
            await page.FillAsync("#name", "Typed before the end");
            await page.FillAsync("[id='optimiser.learningRate']", "0.00123");
            await KeptAsync(page, "0.00123");
            await server.KillAsync();
            ServerProcess next = await ServerProcess.StartAsync(root.FullName, "--urls", server.Address);
            await server.DisposeAsync();
            server = next;
            await Chromium.GoAsync(page, $"{server.Address}/runs/new");
            await Expect(page.GetByText("What you typed here before is restored.")).ToBeVisibleAsync();
            await Expect(page.Locator("#name")).ToHaveValueAsync("Typed before the end");
            await Expect(page.Locator("[id='optimiser.learningRate']")).ToHaveValueAsync("0.00123");
        }
        finally
        {
            await server.DisposeAsync();
            root.Delete(recursive: true);
        }
    }

    /// <summary>With 200 ms on every message, both ways together, what is typed at speed arrives whole.</summary>
    [Fact]
    public async Task Form_SlowConnection_LosesNoLetter()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Guid run = await app.StartAsync(SmallRuns.Training(dataset));
        await app.EndOfRunAsync(run);
        await using var slow = new SlowConnection(new Uri(app.Address).Port, TimeSpan.FromMilliseconds(100));
        const string text = "The quick brown fox jumps over the lazy dog, 0123456789";
        IPage page = await chromium.OpenAsync($"http://127.0.0.1:{slow.Port}/runs/new");
        await page.Locator("#name").PressSequentiallyAsync(text, new LocatorPressSequentiallyOptions { Delay = 20 });
        await page.FillAsync("[id='optimiser.learningRate']", "");
        await page.Locator("[id='optimiser.learningRate']").PressSequentiallyAsync("0.000123", new LocatorPressSequentiallyOptions { Delay = 20 });
        await KeptAsync(page, "0.000123");
        await Expect(page.Locator("#name")).ToHaveValueAsync(text);
        await Expect(page.Locator("[id='optimiser.learningRate']")).ToHaveValueAsync("0.000123");

        await Chromium.GoAsync(page, $"http://127.0.0.1:{slow.Port}/sweeps/new?run={run:N}");
        // The values that a sweep begins with come from the server: before that there is nothing to empty.
        ILocator remove = page.Locator(".chips").GetByRole(AriaRole.Button);
        await Expect(remove).Not.ToHaveCountAsync(0);
        while (await remove.CountAsync() is > 0 and int left)
        {
            await remove.First.ClickAsync();
            await Expect(remove).ToHaveCountAsync(left - 1);
        }
        // The next value is typed while the last one is still on its way.
        await page.Locator("#values-0").FocusAsync();
        foreach (string value in (string[])["0.001", "0.002", "0.003"])
        {
            await page.Keyboard.TypeAsync(value, new KeyboardTypeOptions { Delay = 20 });
            await page.Keyboard.PressAsync("Enter");
        }
        await Expect(page.Locator(".chips .chip")).ToHaveTextAsync(["0.001", "0.002", "0.003"]);
        await Expect(page.Locator(".points-preview .point")).ToHaveCountAsync(3);
    }

    // Until the browser has kept it.
    private static Task KeptAsync(IPage page, string text) => page.WaitForFunctionAsync(
        "text => Object.keys(localStorage).some(key => key.startsWith('webdistill.draft.') && localStorage.getItem(key).includes(text))", text);
}
