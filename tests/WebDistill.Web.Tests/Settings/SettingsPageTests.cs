using Microsoft.Playwright;
using WebDistill.Web.Settings;
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
        ILocator disk = visit.Page.Locator("section:has(#h-disk)");
        await Expect(disk).ToContainTextAsync("1 data set");
        await Expect(disk).ToContainTextAsync("free");
        await Expect(disk.GetByRole(AriaRole.Link, new() { Name = "Boats" })).ToBeVisibleAsync();

        await visit.Button("Check integrity").ClickAsync();
        await Expect(visit.Page.Locator("section:has(#h-database)")).ToContainTextAsync("Sound");
        await Expect(visit.Page.Locator("section:has(#h-database)")).ToContainTextAsync("No backup yet");
        await visit.Button("Back up now").ClickAsync();
        ILocator row = visit.Page.Locator("section:has(#h-database) tbody tr");
        await Expect(row).ToHaveCountAsync(1);
        Backup backup = Assert.Single(app.Service<Housekeeping>().Backups());
        await Expect(row).ToContainTextAsync(backup.Name);
        IDownload copy = await visit.Page.RunAndWaitForDownloadAsync(() => row.GetByRole(AriaRole.Link).ClickAsync());
        Assert.Equal("SQLite format 3", (await File.ReadAllTextAsync(await copy.PathAsync()))[..15]);

        await row.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("It is the only backup");
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync();
        await Expect(row).ToHaveCountAsync(0);
        Assert.Empty(app.Service<Housekeeping>().Backups());

        ILocator deployment = visit.Page.Locator("section:has(#h-deploy)");
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
            ILocator trash = visit.Page.Locator("section:has(#h-trash)");
            await Expect(trash.Locator("tbody tr")).ToHaveCountAsync(1);
            await Expect(trash).ToContainTextAsync("tokens to train on");
            await Expect(trash).ToContainTextAsync(dataset.ToString("N"));
            await visit.AssertAccessibleAsync();
            await trash.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
            ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
            await Expect(dialog).ToContainTextAsync("This cannot be undone");
            await dialog.GetByRole(AriaRole.Button, new() { Name = "Keep" }).ClickAsync();
            ILocator takeBack = trash.GetByRole(AriaRole.Button, new() { Name = "Take back" }).Last;
            await Expect(takeBack).ToBeEnabledAsync();
            await takeBack.FocusAsync();
            await takeBack.PressAsync("Enter");
            await Expect(trash).ToContainTextAsync("The trash is empty.");
            await Expect(visit.Page.Locator(".nav .badge")).ToHaveCountAsync(0);
            await Expect(visit.Page.Locator("section:has(#h-disk)")).ToContainTextAsync("1 data set");
            visit.AssertNoFaults();
        }
        root.Delete(recursive: true);
    }
}
