using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Datasets;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>The finding "both lists show everything unmarked, and the only way is to leave the form": what does not fit stands apart, and the text is
/// tokenised in place.</summary>
[Trait("needs", "browser")]
public sealed class NewRunChoiceListsTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Theory]
    [InlineData(1440)]
    [InlineData(400)]
    public async Task OtherVocabulary_StandsApartAndIsTokenisedInPlace(int width)
    {
        Guid teacher = await app.ImportedModelAsync();
        Guid text = await app.ReadyDatasetAsync($"{width} other birds. {Product.Text.Replace("bird", "cat", StringComparison.Ordinal)}");
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?teacher={teacher:N}&dataset={text:N}", width: width);
        await visit.Page.FillAsync("#name", "Stays");
        await visit.Box("Data set").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Option, new() { Name = "Other vocabulary", Exact = true })).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await visit.Button("Tokenise birds with this teacher's vocabulary").ClickAsync();
        await Expect(visit.Box("Data set")).ToHaveValueAsync("birds, tokens of tiny");
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("Stays");
        Dataset made = (await app.Service<DatasetTable>().ReadAsync("tokens")).Rows[0];
        Assert.Equal(DatasetState.Ready, made.State);
        await Expect(visit.Page.Locator(".in-place")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Explanations_AreNoStopsOnTheWayAndOpenByF1()
    {
        await app.ImportedModelAsync();
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        Assert.Equal(0, await visit.Page.Locator("form .tip button:not([tabindex='-1'])").CountAsync());
        await visit.Page.Locator("[id='schedule.epochs']").FocusAsync();
        await visit.Page.Keyboard.PressAsync("F1");
        await Expect(visit.Page.Locator(".mud-tooltip.mud-popover-open")).ToContainTextAsync("Passes over the training split.");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Json_LoadedIntoTheForm_IsTypedAndItsProblemsStandAtTheirFields()
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        await visit.Button("Load from JSON").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog), box = dialog.GetByLabel("Options as JSON");
        await box.FillAsync("{");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Load", Exact = true }).ClickAsync();
        await Expect(dialog).ToContainTextAsync("The text is not valid JSON");
        await visit.AssertAccessibleAsync();
        await box.FillAsync("""{"name": "Loaded", "schedule": {"epochs": 9}, "optimiser": {"learningRate": "fast"}, "colour": 1}""");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Load", Exact = true }).ClickAsync();
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("Loaded");
        await Expect(visit.Page.Locator("[id='schedule.epochs']")).ToHaveValueAsync("9");
        await Expect(visit.Page.Locator("[id='optimiser.learningRate-problem']")).ToContainTextAsync("“fast” is not a number");
        await Expect(visit.Page.GetByText("'colour' is unknown")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }
}
