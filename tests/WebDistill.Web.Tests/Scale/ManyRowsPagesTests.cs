using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Scale;

/// <summary>What a reader does on pages that show a piece of a long list: goes on, filters, sorts, and finds what is not offered.</summary>
[Trait("needs", "browser")]
public sealed class ManyRowsPagesTests(ManyRowsApp many, Chromium chromium) : IClassFixture<ManyRowsApp>, IClassFixture<Chromium>
{
    [Theory]
    [InlineData(ColorScheme.Light, 1400)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Runs_PagedSortedAndFiltered_ShowPiecesOfTheWholeList(ColorScheme theme, int width)
    {
        await using Visit visit = await chromium.VisitAsync(many.App, "/", theme, width);
        ILocator rows = visit.Rows("Runs"), pager = visit.Page.GetByRole(AriaRole.Navigation, new() { Name = "Pages of the runs", Exact = false });
        // A sweep is one row; who looks for runs is shown each of them.
        await Expect(pager).ToContainTextAsync("1 to 50 of 681 runs and sweeps");
        await visit.GoAsync("/?filter=run");
        await Expect(rows).ToHaveCountAsync(50);
        await Expect(rows.First).ToContainTextAsync("Run 1000 of");
        await Expect(pager).ToContainTextAsync("1 to 50 of 1 000 runs");
        await Expect(visit.Button("Previous")).ToHaveAttributeAsync("aria-disabled", "true");
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        // By keyboard, and the focus stays for the next page.
        await visit.Button("Next").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(pager).ToContainTextAsync("51 to 100 of");
        await Expect(rows.First).ToContainTextAsync("Run 950 of");
        await Expect(visit.Button("Next")).ToBeFocusedAsync();
        await visit.Button("Last").ClickAsync();
        await Expect(rows.Last).ToContainTextAsync("Run 1 of");

        await visit.Button("Perplexity").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("3.00");
        await Expect(pager).ToContainTextAsync("1 to 50 of");
        await visit.Page.FillAsync("[data-filter]", "failed 990");
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(pager).ToHaveCountAsync(0);
        await Expect(rows.First).ToContainTextAsync("Run 990 of");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task NewRun_TeacherThatIsNotOffered_IsFoundAndChosen()
    {
        Model oldest = (await many.App.Service<ModelService>().SliceAsync(first: ManyRowsApp.Models - Lists.PageRows)).Rows[^1];
        await using Visit visit = await chromium.VisitAsync(many.App, "/runs/new", width: 400);
        ILocator box = visit.Box("Teacher"), options = visit.Page.GetByRole(AriaRole.Option);
        await box.ClickAsync();
        await Expect(visit.Page.Locator(".pick-said").First).ToContainTextAsync($"of {Figures.Count(ManyRowsApp.Models)}");
        Assert.InRange(await options.CountAsync(), 50, 53);
        await visit.AssertAccessibleAsync();
        await box.FillAsync("mODEL 7707");
        await Expect(visit.Page.GetByRole(AriaRole.Option, new() { Name = "Model 7707", Exact = true })).ToHaveCountAsync(1);
        // By keyboard alone.
        await box.FillAsync(oldest.WeightsSha256[..16]);
        await Expect(visit.Page.GetByRole(AriaRole.Option, new() { Name = "Model 1", Exact = true })).ToHaveCountAsync(1);
        await Expect(visit.Page.Locator(".pick-said").First).ToContainTextAsync("1 of");
        await box.PressAsync("ArrowDown");
        await box.PressAsync("Enter");
        await Expect(box).ToHaveValueAsync("Model 1");
        // What is typed and not chosen gives way to what was chosen.
        await box.FillAsync("nothing of that kind");
        await Expect(visit.Page.Locator(".pick-said")).ToContainTextAsync("Nothing matches “nothing of that kind”.");
        await box.PressAsync("Tab");
        await Expect(box).ToHaveValueAsync("Model 1");
        // The next field is a list too, which opens.
        await Expect(options.First).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Playground_ModelThatIsNotOffered_IsFoundAndShown()
    {
        Model far = (await many.App.Service<ModelService>().SliceAsync("Model 5005")).Rows.Single(model => model.Name == "Model 5005");
        await using Visit visit = await chromium.VisitAsync(many.App, "/playground", ColorScheme.Dark);
        await visit.Page.Locator("#Left-model").FillAsync("5005");
        await visit.Page.GetByRole(AriaRole.Option).Filter(new() { HasText = far.Name }).First.ClickAsync();
        await Expect(visit.Page.Locator("#Left-model")).ToHaveValueAsync(new System.Text.RegularExpressions.Regex("^Model 5005"));
        await Expect(visit.Page.Locator("[data-pane=left]")).ToContainTextAsync("505 k parameters");
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Evaluate_ChosenModel_StaysInSightWhateverIsFiltered()
    {
        await using Visit visit = await chromium.VisitAsync(many.App, "/evaluate");
        ILocator choices = visit.Page.Locator(".matrix .choice");
        await Expect(choices).ToHaveCountAsync(50);
        await visit.Page.GetByLabel("Filter models by name or hash of their weights").FillAsync("Model 4321");
        await Expect(choices.Filter(new() { HasText = "Model 4321" })).ToHaveCountAsync(1);
        await choices.Filter(new() { HasText = "Model 4321" }).Locator("input").CheckAsync();
        await visit.Page.GetByLabel("Filter models by name or hash of their weights").FillAsync("Model 8888");
        await Expect(choices.Filter(new() { HasText = "Model 8888" })).ToHaveCountAsync(1);
        await Expect(choices.Filter(new() { HasText = "Model 4321" }).Locator("input")).ToBeCheckedAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Navigation, new() { Name = "Pages of the evaluations" })).ToContainTextAsync("1 to 50 of 300");
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }
}
