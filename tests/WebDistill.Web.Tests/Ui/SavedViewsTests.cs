using Microsoft.Playwright;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Ui;

[Trait("needs", "browser")]
public sealed class SavedViewsTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task View_OfAFilter_IsSavedChosenAfterAReloadAndForgotten()
    {
        await SmallRuns.RecordedAsync(app, "Story student", 10);
        await SmallRuns.RecordedAsync(app, "Novel student", 10);
        await using Visit visit = await chromium.VisitAsync(app, "/?filter=story&order=name");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await visit.Button("Views").ClickAsync();
        await visit.MenuItem("Save this view").ClickAsync();
        await visit.Page.GetByLabel("Name", new() { Exact = true }).FillAsync("Stories by name");
        await visit.AssertAccessibleAsync();
        await visit.Button("Save").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);

        await visit.GoAsync("/");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(2);
        await visit.Button("Views").ClickAsync();
        await visit.MenuItem("Stories by name").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/?filter=story&order=name");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);

        await visit.Button("Views").ClickAsync();
        await visit.MenuItem("Forget “Stories by name”").ClickAsync();
        await visit.GoAsync("/");
        await visit.Button("Views").ClickAsync();
        await Expect(visit.MenuItem("Save this view")).ToBeVisibleAsync();
        await Expect(visit.MenuItem("Stories by name")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }
}
