using WebDistill.Distillation.Engine;
using Microsoft.Playwright;
using WebDistill.Web.Hosting;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Settings;

[Trait("needs", "browser")]
public sealed class SettingsPageTests(Chromium chromium) : IClassFixture<Chromium>
{
    [Fact]
    public async Task Settings_CheckBackUpAndDelete_SayWhatHappened()
    {
        const string secret = "T0P-S3CR3T";
        await using var app = new WebDistillApp(null, new Dictionary<string, string>
        {
            ["Notifications:WebhookUrl"] = $"http://hooks.example.org/{secret}?token={secret}",
            ["Training:ResumeInterrupted"] = "false",
        });
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/");
        await visit.Link("Settings").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Settings");
        await TabAsync(visit, "Storage");
        ILocator disk = Section(visit, "Disk use");
        await Expect(disk).ToContainTextAsync("1 data set");
        await Expect(disk).ToContainTextAsync("free");
        await visit.Button("What takes how much").ClickAsync();
        await Expect(disk.GetByRole(AriaRole.Link, new() { Name = "Boats" })).ToBeVisibleAsync();

        await TabAsync(visit, "Database");
        await visit.Button("Check integrity").ClickAsync();
        await Expect(Section(visit, "Database")).ToContainTextAsync("Sound");
        await Expect(Section(visit, "Database")).ToContainTextAsync("No backup yet");
        await visit.Button("Back up now").ClickAsync();
        ILocator row = visit.Rows("Backups");
        await Expect(row).ToHaveCountAsync(1);
        Backup backup = Assert.Single(app.Service<Housekeeping>().Backups());
        await Expect(row).ToContainTextAsync(backup.Name);
        await visit.Page.GetByLabel($"Actions for {backup.Name}").ClickAsync();
        IDownload copy = await visit.Page.RunAndWaitForDownloadAsync(() => visit.MenuItem("Download").ClickAsync());
        Assert.Equal("SQLite format 3", (await File.ReadAllTextAsync(await copy.PathAsync()))[..15]);

        await visit.Page.GetByLabel($"Actions for {backup.Name}").ClickAsync();
        await visit.MenuItem("Delete").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("It is the only backup");
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync();
        await Expect(row).ToHaveCountAsync(0);
        Assert.Empty(app.Service<Housekeeping>().Backups());

        // What the deployment names is marked and cannot be changed here.
        await TabAsync(visit, "Training");
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("Set by the deployment: Training:ResumeInterrupted");
        await Expect(visit.Page.GetByRole(AriaRole.Switch)).ToBeDisabledAsync();
        await TabAsync(visit, "Notifications");
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("Set by the deployment: Notifications:WebhookUrl");
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("hooks.example.org");
        Assert.DoesNotContain(secret, await visit.Page.ContentAsync());
        await TabAsync(visit, "About");
        ILocator deployment = Section(visit, "Deployment");
        await Expect(deployment).ToContainTextAsync("set, at hooks.example.org");
        await Expect(deployment).ToContainTextAsync("Training:ResumeInterrupted");
        await Expect(deployment).ToContainTextAsync(app.Root);
        Assert.DoesNotContain(secret, await visit.Page.ContentAsync());
        visit.AssertNoFaults();
    }

    /// <summary>Somebody finds the shelves empty after the database was lost, and follows the number in the menu.</summary>
    [Fact]
    public async Task Trash_AfterTheDatabaseWasLost_IsPointedOutAndTakenBackByKeyboard()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid dataset;
        await using (var app = new WebDistillApp(root.FullName))
            dataset = (await SmallRuns.DatasetAsync(app)).Id;
        foreach (FileInfo file in root.EnumerateFiles("webdistill.db*"))
            file.Delete();
        await using (var app = new WebDistillApp(root.FullName))
        {
            await using Visit visit = await chromium.VisitAsync(app, "/datasets");
            await visit.Page.GetByRole(AriaRole.Link, new() { Name = "Settings 1 folder is in the trash" }).ClickAsync();
            ILocator trash = Section(visit, "Trash");
            await Expect(trash.Locator("tbody tr")).ToHaveCountAsync(1);
            await Expect(trash).ToContainTextAsync("tokens to train on");
            await Expect(trash).ToContainTextAsync(dataset.ToString("N"));
            await visit.AssertAccessibleAsync();
            await trash.GetByRole(AriaRole.Button, new() { Name = "Delete for good" }).ClickAsync();
            ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
            await Expect(dialog).ToContainTextAsync("This cannot be undone");
            await dialog.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
            ILocator takeBack = trash.GetByRole(AriaRole.Button, new() { Name = "Take back" }).Last;
            await Expect(takeBack).ToBeEnabledAsync();
            await takeBack.FocusAsync();
            await takeBack.PressAsync("Enter");
            await Expect(trash).ToContainTextAsync("The trash is empty.");
            await Expect(visit.Page.Locator(".nav .badge")).ToHaveCountAsync(0);
            await Expect(Section(visit, "Disk use")).ToContainTextAsync("1 data set");
            visit.AssertNoFaults();
        }
        root.Delete(recursive: true);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task EveryTab_IsAccessibleAndAsWideAsItsWindow(ColorScheme theme, int width)
    {
        await using var app = new WebDistillApp();
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/settings", theme, width);
        foreach (string tab in new[] { "Appearance", "Training", "Notifications", "Storage", "Database", "API", "About" })
        {
            await TabAsync(visit, tab);
            await Expect(visit.Page.GetByRole(AriaRole.Tab, new() { Name = tab, Exact = true })).ToHaveAttributeAsync("aria-selected", "true");
            await Expect(visit.Page.Locator("main .skeleton")).ToHaveCountAsync(0);
            await visit.AssertAccessibleAsync();
            Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), $"{tab} is wider than its window of {width} pixels.");
            await visit.KeepPictureAsync($"settings-{tab}-{width}-{theme}");
        }
        // The tab stands in the address.
        await visit.Page.ReloadAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Tab, new() { Name = "About", Exact = true })).ToHaveAttributeAsync("aria-selected", "true");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task WhatIsSet_IsInForceAtOnceAndAfterARestart()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        await using (var app = new WebDistillApp(root.FullName))
        {
            await using Visit visit = await chromium.VisitAsync(app, "/settings?tab=training");
            Assert.True(app.Service<ServerSettings>().ResumeInterrupted);
            await visit.Page.GetByRole(AriaRole.Switch).ClickAsync();
            await Expect(visit.Page.GetByRole(AriaRole.Switch)).Not.ToBeCheckedAsync();
            // The tests' own environment says how many threads compute: the page says so, and offers nothing that would not hold.
            await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync(Device.ThreadsVariable);
            await Expect(visit.Page.GetByLabel("Threads", new() { Exact = true })).ToHaveCountAsync(0);
            await TabAsync(visit, "Notifications");
            await visit.Page.GetByLabel("Address", new() { Exact = true }).FillAsync("example.org");
            await visit.Button("Save").ClickAsync();
            await Expect(visit.Page.Locator("#webhook-problem")).ToContainTextAsync("expected one such as https://");
            // The product's own address answers 405 to a POST.
            await visit.Page.GetByLabel("Address", new() { Exact = true }).FillAsync($"{app.Address}/openapi/v1.json");
            await visit.Button("Save").ClickAsync();
            await visit.Button("Send a test").ClickAsync();
            await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("It did not arrive: it answered 4");
            await visit.ChooseAsync("Form of the messages", "Slack");
            await Expect(visit.Page.GetByText("Messages have the form of Slack from now on")).ToBeVisibleAsync();
            await visit.AssertAccessibleAsync();
            Assert.Equal(WebhookFormat.Slack, app.Service<ServerSettings>().WebhookFormat);
            Assert.Equal(new Uri($"{app.Address}/openapi/v1.json"), app.Service<ServerSettings>().WebhookUrl);
            visit.AssertNoFaults();
        }
        await using (var app = new WebDistillApp(root.FullName))
        {
            Assert.False(app.Service<ServerSettings>().ResumeInterrupted);
            Assert.EndsWith("/openapi/v1.json", app.Service<ServerSettings>().WebhookUrl!.ToString());
            Assert.Equal(WebhookFormat.Slack, app.Service<ServerSettings>().WebhookFormat);
            Assert.Null(app.Service<ServerSettings>().Threads);
        }
        root.Delete(recursive: true);
    }

    /// <summary>The reference is drawn by a library: nothing of it may come from elsewhere, and nothing may pass the policy.</summary>
    [Fact]
    public async Task ApiReference_IsServedFromHereWithinThePolicy()
    {
        await using var app = new WebDistillApp();
        await using Visit visit = await chromium.VisitAsync(app, "/settings?tab=api");
        await Expect(visit.Link("Open the reference")).ToHaveAttributeAsync("href", "/scalar");
        await visit.Page.GotoAsync($"{app.Address}/scalar");
        await Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "Runs", Exact = true }).First).ToBeVisibleAsync(new() { Timeout = 60_000 });
        using HttpResponseMessage page = await app.Http.GetAsync("/scalar/");
        string policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.Matches("script-src 'self' 'nonce-[A-Za-z0-9+/=_-]{16,}'", policy);
        Assert.DoesNotContain("unsafe-eval", policy);
        Assert.DoesNotContain("nonce", Assert.Single((await app.Http.GetAsync("/")).Headers.GetValues("Content-Security-Policy")));
        visit.AssertNoFaults();
    }

    private static Task TabAsync(Visit visit, string name) => visit.Page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true }).ClickAsync();

    private static ILocator Section(Visit visit, string name) => visit.Page.GetByRole(AriaRole.Region, new() { Name = name, Exact = true }).First;
}
