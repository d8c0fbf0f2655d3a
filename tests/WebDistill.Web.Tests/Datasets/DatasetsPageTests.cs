using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Text.Stories;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Datasets;

[Trait("needs", "browser")]
public sealed class DatasetsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private const int Stories = 300;

    private static readonly string _text = string.Join("\n\n", StoryCorpus.Generate(seed: 7, Stories).Select(story => story.Trim()));

    [Fact]
    public async Task Upload_SmallText_BecomesReadyWithStatisticsAndBlocks()
    {
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "little-stories.txt", Encoding.UTF8.GetBytes(_text));
        await Expect(page.GetByLabel("Name", new() { Exact = true })).ToHaveValueAsync("little-stories");
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("512");
        await UploadAsync(page);

        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        await Expect(Figure(page, "Documents")).ToHaveTextAsync($"{Stories}");
        await Expect(Figure(page, "Vocabulary")).ToContainTextAsync("512");
        await Expect(Figure(page, "Bytes per token")).ToHaveTextAsync(new Regex(@"^[1-9]\.\d\d$"));
        await Expect(page.GetByRole(AriaRole.Img, new() { NameRegex = new Regex("Histogram of document lengths") })).ToBeVisibleAsync();
        await AssertAccessibleAsync(page);
        await TabAsync(page, "Tokens");
        await Expect(page.Locator(".block")).ToHaveCountAsync(3);
        string start = string.Concat(await page.Locator(".block").First.Locator(".tok").AllTextContentsAsync()).Replace('·', ' ');
        Assert.StartsWith(_text[..20], start);
        Assert.Matches(@"^id \d+$", await page.Locator(".tok").First.GetAttributeAsync("title"));
        await AssertAccessibleAsync(page);

        // The section stands in the address.
        Assert.EndsWith("?tab=tokens", page.Url);
        IPage dark = await chromium.OpenAsync(page.Url, ColorScheme.Dark, width: 400);
        await Expect(dark.Locator(".block")).ToHaveCountAsync(3);
        await AssertAccessibleAsync(dark);
        Assert.False(await dark.EvaluateAsync<bool>("document.documentElement.scrollWidth > innerWidth"));
        foreach (ColorScheme scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            IPage list = await chromium.OpenAsync(app.Address + "/datasets", scheme);
            await Expect(list.GetByRole(AriaRole.Row).Filter(new() { HasText = "little-stories" })).ToContainTextAsync("Ready");
            await AssertAccessibleAsync(list);
        }
    }

    [Fact]
    public async Task Upload_InvalidUtf8_IsRefusedNamingFileAndByte()
    {
        byte[] text = [.. "One document.\n\n"u8, 0xFF, .. " and more of it.\n"u8];
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "latin.txt", text);
        await UploadAsync(page);
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync(
            "latin.txt: byte 15 is 0xFF, which is not valid UTF-8");
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Failed");
        Assert.DoesNotContain(app.Root, await page.Locator("main").InnerTextAsync());
        await AssertAccessibleAsync(page);
    }

    [Fact]
    public async Task Upload_OneLine_IsRefusedWithTheReason()
    {
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "one-line.txt", "All there is.\n"u8.ToArray());
        await UploadAsync(page);
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("expected more text");
    }

    [Fact]
    public async Task Form_BadValues_StandBesideTheirFieldsAndNothingIsSent()
    {
        IPage page = await OpenFormAsync();
        bool sent = false;
        page.Request += (_, request) => sent |= request.Method == "POST" && request.Url.EndsWith("/api/datasets", StringComparison.Ordinal);
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("12");
        await page.GetByLabel("Held out (share of the text)").FillAsync("0,05");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();

        await Expect(page.Locator("#file-problem")).ToContainTextAsync("No file is chosen");
        await Expect(page.Locator("#vocabularySize-problem")).ToContainTextAsync("is 12, expected 257");
        await Expect(page.Locator("#validationProportion-problem")).ToContainTextAsync("write 0.05");
        await Expect(page.Locator("#file")).ToBeFocusedAsync();
        await Expect(page.Locator("#vocabularySize")).ToHaveAttributeAsync("aria-invalid", "true");
        await AssertAccessibleAsync(page);
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("512");
        await page.GetByLabel("Vocabulary (tokens)").BlurAsync();
        await Expect(page.Locator("#vocabularySize-problem")).ToHaveCountAsync(0);
        Assert.False(sent);
    }

    [Fact]
    public async Task Form_JsonLines_AsksForItsFieldAndReadsIt()
    {
        IPage page = await OpenFormAsync();
        string lines = string.Join("\n", StoryCorpus.Generate(seed: 8, 100).Select(story => JsonSerializer.Serialize(new { story })));
        await ChooseAsync(page, "stories.jsonl", Encoding.UTF8.GetBytes(lines));
        await page.GetByLabel("JSON field").FillAsync("story");
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("300");
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        await Expect(Figure(page, "Documents")).ToHaveTextAsync("100");
    }

    [Fact]
    public async Task Upload_WithTheTokenizerOfAModel_TakesItsVocabulary()
    {
        Model model = await SmallModels.ImportAsync(app, "Small teacher", seed: 5);
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "for-the-teacher.txt", Encoding.UTF8.GetBytes(_text));
        await Visit.PickAsync(page, "#tokenizerModelId", "Small teacher");
        await Expect(page.GetByLabel("Vocabulary (tokens)")).ToHaveCountAsync(0);
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        await Expect(Figure(page, "Vocabulary")).ToContainTextAsync($"{model.VocabularySize}");
        await Expect(page.GetByText("of Small teacher")).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Copy the hash of the tokenizer")).ToHaveAttributeAsync("data-copy", model.TokenizerSha256!);
    }

    [Fact]
    public async Task Delete_Confirmed_RemovesTheDataset()
    {
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "short-lived.txt", Encoding.UTF8.GetBytes(_text));
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("300");
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        page = await chromium.OpenAsync(app.Address + "/datasets");
        await page.GetByLabel("Actions for short-lived").ClickAsync();
        await MenuItem(page, "Delete").ClickAsync();
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("tokens");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "short-lived" })).ToHaveCountAsync(0);

        // Back as it was, name and figures too.
        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "short-lived" }).ClickAsync();
        await Expect(Figure(page, "Documents")).ToHaveTextAsync($"{Stories}");
        await Expect(page.GetByText("short-lived.txt").First).ToBeVisibleAsync();
    }

    /// <summary>Before anything is sent the first documents stand there as each choice splits them.</summary>
    [Fact]
    public async Task Preview_OfAWrappedNovel_FollowsFormatAndLineBreaks()
    {
        string line = new('x', 66);
        string novel = string.Join("\n\n", Enumerable.Range(1, 40).Select(i => $"Paragraph {i} {line}\n{line} ends here\n{line} and here."));
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "novel.txt", Encoding.UTF8.GetBytes(novel));
        ILocator preview = page.GetByRole(AriaRole.Region, new() { Name = "Preview of the documents" });
        await Expect(preview).ToContainTextAsync("40 documents in this file.");
        await Expect(preview.Locator("li")).ToHaveCountAsync(5);
        await Expect(page.GetByText("Its lines end where a printed line is full.")).ToBeVisibleAsync();
        await page.GetByLabel("Join the lines of each paragraph").CheckAsync();
        await Expect(preview.Locator("li p").First).ToHaveTextAsync($"Paragraph 1 {line} {line} ends here {line} and here.");
        await page.GetByRole(AriaRole.Combobox, new() { Name = "Format", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Option, new() { Name = "Plain text, the whole file is one document" }).ClickAsync();
        await Expect(preview).ToContainTextAsync("1 document in this file.");
        await AssertAccessibleAsync(page);
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("270");
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        // What is held out of one document counts as a document of its own; the text is read as the file has it.
        await Expect(Figure(page, "Documents")).ToHaveTextAsync("2");
        await Expect(page.GetByText("joined", new() { Exact = true })).ToBeVisibleAsync();
        await TabAsync(page, "Documents");
        await Expect(page.Locator(".documents li")).ToHaveCountAsync(1);
        await Expect(page.Locator(".documents li")).ToContainTextAsync("Paragraph 1 ");
        await AssertAccessibleAsync(page);
    }

    [Fact]
    public async Task Failed_IsTriedAgainUploadedAgainWithItsOptionsAndRemoved()
    {
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "tiny.txt", "All there is.\n"u8.ToArray());
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("333");
        await page.GetByLabel("Held out (share of the text)").FillAsync("0.25");
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Failed");
        await page.GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Failed");
        await AssertAccessibleAsync(page);

        await page.GetByRole(AriaRole.Link, new() { Name = "Upload again", Exact = true }).ClickAsync();
        await Expect(page.GetByLabel("Vocabulary (tokens)")).ToHaveValueAsync("333");
        await Expect(page.GetByLabel("Held out (share of the text)")).ToHaveValueAsync("0.25");
        await Expect(page.GetByLabel("Name", new() { Exact = true })).ToHaveValueAsync("tiny");
        await ChooseAsync(page, "better.txt", Encoding.UTF8.GetBytes(_text));
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");

        page = await chromium.OpenAsync(app.Address + "/datasets");
        await page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("^Remove failed") }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("^Remove failed") })).ToHaveCountAsync(0);
        await Expect(page.GetByRole(AriaRole.Row).Filter(new() { HasText = "tiny" })).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task Ready_IsRenamedAndTokenisedForAModel()
    {
        Model model = await SmallModels.ImportAsync(app, "Other teacher", seed: 15);
        IPage page = await OpenFormAsync();
        await ChooseAsync(page, "to-rename.txt", Encoding.UTF8.GetBytes(_text));
        await page.GetByLabel("Vocabulary (tokens)").FillAsync("300");
        await UploadAsync(page);
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        await page.GetByLabel("Actions for to-rename").ClickAsync();
        await MenuItem(page, "Rename").ClickAsync();
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Name").FillAsync("");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Rename" }).ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("The name is blank");
        await AssertAccessibleAsync(page);
        await dialog.GetByLabel("Name").FillAsync("Tales");
        await dialog.GetByLabel("Name").PressAsync("Enter");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Tales");

        await page.GetByLabel("Actions for Tales").ClickAsync();
        await MenuItem(page, "Tokenise again").ClickAsync();
        await Visit.PickAsync(page, "#again-tokenizer", "Other teacher");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Tokenise" }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Tales, tokens of Other teacher");
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");
        await Expect(Figure(page, "Vocabulary")).ToContainTextAsync($"{model.VocabularySize}");
        await TabAsync(page, "Used by");
        await page.GetByRole(AriaRole.Link, new() { Name = "Tales", Exact = true }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Tales");
        await AssertAccessibleAsync(page);
    }

    private static ILocator MenuItem(IPage page, string name) => page.GetByRole(AriaRole.Menuitem, new() { Name = name, Exact = true });

    private static Task TabAsync(IPage page, string name) => page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true }).ClickAsync();

    private static async Task AssertAccessibleAsync(IPage page) => Assert.Empty(await Chromium.ViolationsAsync(page));

    private async Task<IPage> OpenFormAsync()
    {
        IPage page = await chromium.OpenAsync(app.Address + "/datasets");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload a text" }).ClickAsync();
        await Expect(page.Locator("#file")).ToBeVisibleAsync();
        return page;
    }

    private static Task ChooseAsync(IPage page, string name, byte[] content) =>
        page.Locator("#file").SetInputFilesAsync(new FilePayload { Name = name, MimeType = "text/plain", Buffer = content });

    private static async Task UploadAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await page.WaitForURLAsync(new Regex(@"/datasets/[0-9a-f]{32}$"));
    }

    private static ILocator Figure(IPage page, string name) =>
        page.Locator(".figure").Filter(new() { Has = page.GetByText(name, new() { Exact = true }) }).Locator(".v");
}
