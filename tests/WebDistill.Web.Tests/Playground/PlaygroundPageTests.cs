using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Models;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Playground;

[Trait("needs", "browser")]
public sealed class PlaygroundPageTests(WebDistillApp app, Chromium chromium, PlaygroundPageTests.TestModels models)
    : IClassFixture<WebDistillApp>, IClassFixture<Chromium>, IClassFixture<PlaygroundPageTests.TestModels>
{
    /// <summary>Imported on first use, once for all tests of the class.</summary>
    public sealed class TestModels
    {
        private readonly SemaphoreSlim _once = new(1, 1);

        public Model Left { get; private set; } = null!;
        public Model Right { get; private set; } = null!;
        public Model WithoutTokenizer { get; private set; } = null!;

        public async Task ImportAsync(WebDistillApp app)
        {
            await _once.WaitAsync();
            try
            {
                if (Left is not null)
                    return;
                WithoutTokenizer = await SmallModels.ImportAsync(app, "Without tokenizer", 3, withTokenizer: false);
                Right = await SmallModels.ImportAsync(app, "Small right", 2, positions: 8192);
                Left = await SmallModels.ImportAsync(app, "Small left", 1, positions: 8192);
            }
            finally
            {
                _once.Release();
            }
        }
    }

    [Fact]
    public async Task Generate_TwoModels_BothWriteAndNameTheirWeights()
    {
        IPage page = await OpenAsync();
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "40");
        await page.GetByRole(AriaRole.Switch, new() { Name = "Greedy" }).CheckAsync();
        await page.Locator("#prompt").PressAsync("Control+Enter");
        foreach ((string side, Model model) in new[] { ("left", models.Left), ("right", models.Right) })
        {
            ILocator pane = Pane(page, side);
            await Expect(Figure(pane, "ending")).ToHaveTextAsync("Reached the limit of 40 new tokens");
            await Expect(pane.Locator(".prompt")).ToHaveTextAsync("One day");
            Assert.NotEqual("", await pane.Locator(".generated").TextContentAsync());
            await Expect(Figure(pane, "speed")).ToHaveTextAsync(new Regex(@"^\d.*tok/s$"));
            await Expect(Figure(pane, "first-token")).ToHaveTextAsync(new Regex(@"^\d.*s$"));
            Model listed = await app.Service<ModelService>().GetAsync(model.Id);
            await Expect(Figure(pane, "weights")).ToHaveTextAsync(listed.WeightsSha256[..12]);
            await Expect(Figure(pane, "weights")).ToHaveAttributeAsync("title", new Regex(listed.WeightsSha256));
            await Expect(pane.Locator("div[role=status]")).ToContainTextAsync(model.Name);
        }
        Assert.NotEqual(await WrittenAsync(page, "left"), await WrittenAsync(page, "right"));
    }

    [Fact]
    public async Task Generate_ModelEndsItsText_SaysSoInAWord()
    {
        await models.ImportAsync(app);
        NextToken first = (await app.Service<GenerationService>().NextTokensAsync(models.Left.Id, "One day", 1)).Single();
        Model ending = await SmallModels.ImportAsync(app, "Ends at once", 1, positions: 8192, endOfTextId: first.Id);
        IPage page = await OpenAsync($"left={ending.Id:N}&right={models.Left.Id:N}");
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "5");
        await page.GetByRole(AriaRole.Switch, new() { Name = "Greedy" }).CheckAsync();
        await page.Locator("#prompt").PressAsync("Control+Enter");
        await Expect(Figure(Pane(page, "left"), "ending")).ToHaveTextAsync("Ended its text");
        await Expect(Pane(page, "left").Locator(".end")).ToHaveTextAsync("end of text");
        await Expect(Figure(Pane(page, "left"), "tokens")).ToHaveTextAsync("1");
        await Expect(Figure(Pane(page, "right"), "ending")).ToHaveTextAsync("Reached the limit of 5 new tokens");
        await Expect(Pane(page, "right").Locator(".end")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Generate_GreedyTwice_WritesTheSame()
    {
        var written = new List<(string Left, string Right)>();
        for (int time = 0; time < 2; time++)
        {
            IPage page = await OpenAsync();
            await PromptAsync(page, "Mia and Tom");
            await page.FillAsync("#maxNewTokens", "30");
            await page.GetByRole(AriaRole.Switch, new() { Name = "Greedy" }).CheckAsync();
            await Expect(page.Locator("#temperature")).ToBeDisabledAsync();
            await Expect(page.Locator("#seed")).ToBeDisabledAsync();
            await GenerateAsync(page);
            written.Add((await WrittenAsync(page, "left"), await WrittenAsync(page, "right")));
        }
        Assert.NotEqual("", written[0].Left);
        Assert.Equal(written[0], written[1]);
    }

    [Fact]
    public async Task Stop_WhileBothWrite_EndsBothAndKeepsWhatIsWritten()
    {
        IPage page = await OpenAsync();
        await PromptAsync(page, "One day");
        // Coloured, the text would be written anew, token by token.
        await page.GetByRole(AriaRole.Combobox, new() { Name = "Coloured by KL" }).ClickAsync();
        await page.GetByRole(AriaRole.Option, new() { Name = "Off", Exact = true }).ClickAsync();
        await page.FillAsync("#maxNewTokens", "8000");
        await page.GetByRole(AriaRole.Switch, new() { Name = "Greedy" }).CheckAsync();
        ILocator stop = page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true });
        await Expect(stop).ToHaveAttributeAsync("aria-disabled", "true");
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        foreach (string side in Sides)
        {
            // Text stands there before the end: it is streamed.
            await Expect(Pane(page, side).Locator(".generated")).Not.ToHaveTextAsync("");
            await Expect(Figure(Pane(page, side), "ending")).ToHaveTextAsync("Writing");
        }
        await stop.ClickAsync();
        foreach (string side in Sides)
            await Expect(Figure(Pane(page, side), "ending")).ToHaveTextAsync("Stopped");
        string[] written = [await WrittenAsync(page, "left"), await WrittenAsync(page, "right")];
        await page.WaitForTimeoutAsync(300);
        Assert.Equal<IEnumerable<string>>(written, [await WrittenAsync(page, "left"), await WrittenAsync(page, "right")]);
        Assert.DoesNotContain("", written);
        await Expect(stop).ToHaveAttributeAsync("aria-disabled", "true");
        // A new generation takes the place of the old one.
        await page.FillAsync("#maxNewTokens", "5");
        await GenerateAsync(page);
        await Expect(Figure(Pane(page, "left"), "tokens")).ToHaveTextAsync("5");
    }

    [Fact]
    public async Task Leave_WhileBothWrite_GivesTheModelsBack()
    {
        Model left = await SmallModels.ImportAsync(app, "Left behind", 5, positions: 8192);
        Model right = await SmallModels.ImportAsync(app, "Also left", 6, positions: 8192);
        IPage page = await OpenAsync($"left={left.Id:N}&right={right.Id:N}");
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "8000");
        await page.Locator("#prompt").PressAsync("Control+Enter");
        foreach (string side in Sides)
            await Expect(Figure(Pane(page, side), "ending")).ToHaveTextAsync("Writing");
        ModelService service = app.Service<ModelService>();
        await Assert.ThrowsAsync<ConflictException>(() => service.DeleteAsync(left.Id));
        await page.GetByRole(AriaRole.Link, new() { Name = "Models", Exact = true }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Models");
        await page.WaitForTimeoutAsync(500);
        await service.DeleteAsync(left.Id);
        await service.DeleteAsync(right.Id);
    }

    [Fact]
    public async Task Address_OfAnUnknownRun_SaysSoAndKeepsThePageUsable()
    {
        IPage page = await OpenAsync($"run={Guid.NewGuid():N}");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("There is no run");
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "5");
        await Visit.PickAsync(page, "#Left-model", models.Left.Name);
        await Visit.PickAsync(page, "#Right-model", models.Right.Name);
        await Expect(Pane(page, "right")).ToContainTextAsync("2 layers");
        await GenerateAsync(page);
    }

    [Theory]
    [InlineData("temperature", "1,5", "comma")]
    [InlineData("temperature", "0", "The value is 0")]
    [InlineData("temperature", "NaN", "not a finite number")]
    [InlineData("topP", "1.5", "The value is 1.5")]
    [InlineData("topK", "-1", "The value is -1")]
    [InlineData("maxNewTokens", "", "blank")]
    [InlineData("seed", "x", "not a whole number")]
    public async Task Generate_BadNumber_IsRefusedBesideItsField(string field, string text, string message)
    {
        IPage page = await OpenAsync();
        await PromptAsync(page, "One day");
        await page.FillAsync($"#{field}", text);
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        await Expect(page.Locator($".problem#{field}-problem")).ToContainTextAsync(message);
        await Expect(page.Locator($"#{field}")).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(page.Locator(".problem")).ToHaveCountAsync(1);
        await Expect(page.Locator(".pane .text")).ToHaveCountAsync(0);
        await page.FillAsync($"#{field}", "1");
        await Expect(page.Locator(".problem")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Generate_OneModelFails_TheOtherWrites()
    {
        IPage page = await OpenAsync($"left={models.WithoutTokenizer.Id:N}&right={models.Right.Id:N}");
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "20");
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        ILocator notice = Pane(page, "left").GetByRole(AriaRole.Alert);
        await Expect(notice).ToContainTextAsync("Without tokenizer cannot read text");
        await Expect(notice.GetByRole(AriaRole.Button, new() { Name = "Copy" })).ToBeVisibleAsync();
        await Expect(Figure(Pane(page, "right"), "ending")).ToHaveTextAsync(new Regex("^Reached"));
        await Expect(notice).ToBeVisibleAsync();
        await notice.GetByRole(AriaRole.Button, new() { Name = "Close this message" }).ClickAsync();
        await Expect(notice).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Generate_ModelDeletedMeanwhile_SaysSo()
    {
        Model doomed = await SmallModels.ImportAsync(app, "Doomed", 4);
        IPage page = await OpenAsync($"left={doomed.Id:N}&right={models.Right.Id:N}");
        await PromptAsync(page, "One day");
        await page.FillAsync("#maxNewTokens", "20");
        await app.Service<ModelService>().DeleteAsync(doomed.Id);
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        await Expect(Pane(page, "left").GetByRole(AriaRole.Alert)).ToContainTextAsync("deleted");
        await Expect(Pane(page, "left").GetByRole(AriaRole.Alert).Locator("code")).ToHaveTextAsync("not-found");
        await Expect(Figure(Pane(page, "right"), "ending")).ToHaveTextAsync(new Regex("^Reached"));
    }

    [Fact]
    public async Task Generate_PromptWithMarkup_IsShownAsItStands()
    {
        const string Prompt = "<b>one</b>\n  <img src=x onerror=alert(1)> & two";
        IPage page = await OpenAsync();
        await PromptAsync(page, Prompt);
        await page.FillAsync("#maxNewTokens", "5");
        await GenerateAsync(page);
        Assert.Equal(Prompt, await Pane(page, "left").Locator(".prompt").TextContentAsync());
        Assert.Equal(0, await page.Locator(".pane .text b, .pane .text img").CountAsync());
    }

    [Fact]
    public async Task Prompt_OfTheGreatestLength_ReachesTheServer()
    {
        IPage page = await OpenAsync();
        // Words: a browser takes seconds to break a single one of this length into lines.
        await PromptAsync(page, string.Concat(Enumerable.Repeat("два слова ", 20_000))[..^1], isLinked: false);
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        foreach (string side in Sides)
            await Expect(Pane(page, side).GetByRole(AriaRole.Alert)).ToContainTextAsync("the model has 8192 positions", new() { Timeout = 180_000 });
    }

    [Fact]
    public async Task Link_Opened_ShowsModelsPromptAndOptions()
    {
        IPage page = await OpenAsync($"left={models.Right.Id:N}&right={models.Left.Id:N}");
        await PromptAsync(page, "Ben & the \"box\"\nwas");
        await page.FillAsync("#temperature", "1.25");
        await page.FillAsync("#seed", "77");
        ILocator copy = page.GetByRole(AriaRole.Button, new() { Name = "Copy link" });
        await Expect(copy).ToHaveAttributeAsync("data-copy", new Regex("seed=77"));
        IPage other = await chromium.OpenAsync((await copy.GetAttributeAsync("data-copy"))!);
        await Expect(other.Locator("#prompt")).ToHaveValueAsync("Ben & the \"box\"\nwas");
        await Expect(other.Locator("#temperature")).ToHaveValueAsync("1.25");
        await Expect(other.Locator("#seed")).ToHaveValueAsync("77");
        await Expect(other.Locator("#Left-model")).ToHaveValueAsync(new Regex(Regex.Escape(models.Right.Name)));
        await Expect(other.Locator("#Right-model")).ToHaveValueAsync(new Regex(Regex.Escape(models.Left.Name)));
        await other.Context.CloseAsync();
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 400)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Page_WithTextAndMessages_IsAccessibleAndFitsTheWindow(ColorScheme theme, int width)
    {
        IPage page = await OpenAsync($"left={models.WithoutTokenizer.Id:N}&right={models.Right.Id:N}&maxNewTokens=20", theme, width);
        await PromptAsync(page, "One day");
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        await Expect(Pane(page, "left").GetByRole(AriaRole.Alert)).ToBeVisibleAsync();
        await Expect(Figure(Pane(page, "right"), "ending")).ToHaveTextAsync(new Regex("^Reached"));
        if (width <= 1100)
            await page.GetByRole(AriaRole.Button, new() { Name = "Sampling" }).ClickAsync();
        await page.FillAsync("#temperature", "1,5");
        await page.GetByRole(AriaRole.Button, new() { Name = "Close", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        // What is wrong opens the options by itself.
        await Expect(page.Locator(".problem#temperature-problem")).ToBeVisibleAsync();
        Assert.Equal("", await Chromium.ViolationsAsync(page));
        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Page_WithoutModels_OffersTheQuickStart(ColorScheme theme)
    {
        using var empty = new WebDistillApp();
        IPage page = await chromium.OpenAsync($"{empty.Address}/playground", theme);
        await Expect(page.GetByText("No model to talk to yet")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Quick start" })).ToBeVisibleAsync();
        Assert.Equal("", await Chromium.ViolationsAsync(page));
        await page.Context.CloseAsync();
    }

    private static string[] Sides { get; } = ["left", "right"];

    private async Task<IPage> OpenAsync(string? query = null, ColorScheme theme = ColorScheme.Light, int width = 1280)
    {
        await models.ImportAsync(app);
        query ??= $"left={models.Left.Id:N}&right={models.Right.Id:N}";
        IPage page = await chromium.OpenAsync($"{app.Address}/playground?{query}", theme, width);
        // In a narrow window the options lie over everything else.
        if (width > 1100)
            await page.GetByRole(AriaRole.Button, new() { Name = "Sampling" }).ClickAsync();
        return page;
    }

    /// <summary>Types the prompt and waits until the server has it, which then shows in the link.</summary>
    private static async Task PromptAsync(IPage page, string prompt, bool isLinked = true)
    {
        await page.FillAsync("#prompt", prompt);
        if (isLinked)
            await Expect(page.Locator(".prompt-bar [data-copy]")).ToHaveAttributeAsync(
                "data-copy", new Regex("prompt=" + Regex.Escape(Uri.EscapeDataString(prompt))));
        else
            await Expect(page.GetByText("The prompt is too long for a link")).ToBeVisibleAsync();
    }

    /// <summary>Presses Generate and waits until both have written.</summary>
    private static async Task GenerateAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Generate" }).ClickAsync();
        foreach (string side in Sides)
            await Expect(Figure(Pane(page, side), "ending")).ToHaveTextAsync(new Regex("^Reached"));
    }

    private static ILocator Pane(IPage page, string side) => page.Locator($"[data-pane={side}]");

    private static ILocator Figure(ILocator pane, string name) => pane.Locator($"[data-figure={name}]");

    private static async Task<string> WrittenAsync(IPage page, string side) =>
        await Pane(page, side).Locator(".generated").TextContentAsync() ?? "";
}
