using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Datasets;

/// <summary>A table of texts with classes in the browser: its columns are chosen by name, its held-out examples come in a file of their own, its classes are counted.</summary>
[Trait("needs", "browser")]
public sealed class LabelledDatasetsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private static readonly string s_train = "Quality\t#1 ID\t#1 String\t#2 String\n" + string.Concat(Enumerable.Range(0, 90).Select(i =>
        $"{(i % 3 == 0 ? 1 : 0)}\t{1000 + i}\tthe man came to see him {i}\tevery number could show our place {i}\n"));

    [Theory]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(400, ColorScheme.Dark)]
    public async Task Upload_ATable_ShowsItsColumnsAndClasses_AndBecomesADataSet(int width, ColorScheme theme)
    {
        await app.ImportedBertAsync($"BERT {width}");
        await using Visit visit = new(await chromium.OpenAsync(app.Address + "/datasets?upload=1", theme, width: width), app.Address);
        IPage page = visit.Page;
        await ChooseAsync(page, "#file", "pairs.txt", s_train);

        // What the first rows say is proposed, and what it makes of them stands below.
        ILocator preview = page.GetByRole(AriaRole.Region, new() { Name = "Preview of the examples" });
        await Expect(preview).ToContainTextAsync("90 examples of 2 classes in this file.");
        await Expect(page.GetByRole(AriaRole.Combobox, new() { Name = "Holds" })).ToHaveValueAsync("Texts with classes");
        await Expect(preview.Locator("ol li").First).ToContainTextAsync("every number could show our place 0");
        await Expect(preview.GetByRole(AriaRole.List, new() { Name = "Classes found so far" })).ToContainTextAsync("60");
        await Expect(page.GetByText("Pairs need that of a BERT")).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"labelled-form-{width}-{theme}");

        // A column that holds no classes says so, and another choice takes the message away.
        await SelectAsync(page, "Class", "#1 ID: 1000");
        await Expect(preview).ToContainTextAsync("90 examples of 90 classes");
        await SelectAsync(page, "Class", "#1 String: the man came");
        await Expect(preview).ToContainTextAsync("is to hold the text and the class");
        await SelectAsync(page, "Class", "Quality: 1");
        await Expect(preview).ToContainTextAsync("of 2 classes");

        await SelectAsync(page, "Held-out examples", "A file of their own");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await Expect(page.Locator("#heldOut-problem")).ToContainTextAsync("No file of held-out examples is chosen");
        await Expect(page.GetByRole(AriaRole.Alert).Filter(new() { HasText = "Choose the tokenizer of a BERT" })).ToBeVisibleAsync();
        await ChooseAsync(page, "#heldOut", "dev.txt", "Quality\t#1 ID\t#1 String\t#2 String\n1\t5\tgive me your call\tthe very first\n");
        await Visit.PickAsync(page, "#tokenizerModelId", $"BERT {width}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = true }).ClickAsync();
        await page.WaitForURLAsync(new Regex(@"/datasets/[0-9a-f]{32}$"));

        await Expect(page.Locator(".answer")).ToContainTextAsync("90 examples to train on and 1 held out, in 2 classes");
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Classes with their examples" }).GetByRole(AriaRole.Row).Nth(2)).ToContainTextAsync("30");
        await Expect(page.Locator("dl.facts")).ToContainTextAsync("dev.txt");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"labelled-dataset-{width}-{theme}");

        // From a class to its examples, and to the tokens of one as the model sees it.
        await page.GetByRole(AriaRole.Link, new() { Name = "1", Exact = true }).ClickAsync();
        await Expect(page.Locator(".examples-bar")).ToContainTextAsync("30 examples");
        await page.GetByRole(AriaRole.Button, new() { Name = "Tokens of example 1", Exact = true }).ClickAsync();
        await Expect(page.Locator(".block .tok").First).ToContainTextAsync("[CLS]");
        await page.GetByRole(AriaRole.Button, new() { Name = "Held out" }).ClickAsync();
        await Expect(page.Locator(".documents li")).ToHaveCountAsync(1);
        await Expect(page.Locator(".documents li")).ToContainTextAsync("give me your call");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"labelled-examples-{width}-{theme}");
    }

    private static async Task SelectAsync(IPage page, string field, string choice)
    {
        await page.GetByRole(AriaRole.Combobox, new() { Name = field, Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Option).Filter(new() { HasText = choice }).First.ClickAsync();
    }

    private static Task ChooseAsync(IPage page, string input, string name, string content) =>
        page.Locator(input).SetInputFilesAsync(new FilePayload { Name = name, MimeType = "text/plain", Buffer = Encoding.UTF8.GetBytes(content) });
}
