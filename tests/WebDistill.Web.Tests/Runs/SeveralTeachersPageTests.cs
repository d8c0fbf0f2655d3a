using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

[Trait("needs", "browser")]
public sealed class SeveralTeachersPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Launch_TwoTeachers_ChartsWhatTheyDisagreeBy()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        foreach ((int i, string name) in new[] { "Robin", "Wren" }.Index())
            await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(dataset.Id, name: name) with { Seed = i }));
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        await visit.FindAsync("Teacher", "Robin");
        await visit.FindAsync("Data set", "Boats");
        await visit.FindAsync("More teachers", "Wren");
        await Expect(visit.Page.GetByRole(AriaRole.Listitem).Filter(new LocatorFilterOptions { HasText = "Wren" })).ToBeVisibleAsync();
        await visit.ChooseAsync("Combined by", "Losses");
        await visit.Text("Weights").FillAsync("0.7, 0.4");
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("sum to 1.1, expected 1");
        await visit.Text("Weights").FillAsync("0.7, 0.3");
        // Hidden states of two models are no common ones.
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("compares hidden states");
        await visit.Text("Cosine").FillAsync("0");
        await visit.ChooseAsync("Temperature schedule", "Linear");
        await Expect(visit.Text("Last temperature")).ToHaveValueAsync("1");
        await visit.Text("Epochs").FillAsync("1");
        await Expect(visit.Page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
        Assert.Equal("", await Chromium.ViolationsAsync(visit.Page));
        await visit.KeepPictureAsync("new-run-two-teachers");
        await visit.Page.Locator("#launch").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
        await Expect(visit.Page.Locator(".run-line .status")).ToHaveTextAsync("Completed");
        foreach (string chart in new[] { "Disagreement of the teachers", "Agreement with all teachers together", "Temperature" })
            await Expect(visit.Button($"Options of {chart}")).ToBeVisibleAsync();
        await visit.KeepPictureAsync("run-two-teachers");
        visit.AssertNoFaults();
    }
}
