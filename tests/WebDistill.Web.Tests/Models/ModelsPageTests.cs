using System.IO.Compression;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Models;

[Trait("needs", "browser")]
public sealed class ModelsPageTests(WebDistillApp app, Chromium chromium)
    : IClassFixture<WebDistillApp>, IClassFixture<Chromium>, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-model-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Import_WithoutConfig_IsRefusedBesideTheFiles()
    {
        Save(width: 16);
        IPage page = await OpenFormAsync();
        await page.Locator("#files").SetInputFilesAsync(Path.Combine(_folder.FullName, "model.safetensors"));
        await Expect(page.Locator(".files .missing")).ToContainTextAsync("config.json is missing");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Incomplete");
        await ImportAsync(page);
        await Expect(page.Locator("#files-problem")).ToContainTextAsync("config.json is missing");
        await Expect(page.Locator("#files")).ToBeFocusedAsync();
        await AssertAccessibleAsync(page);
    }

    [Fact]
    public async Task Import_ConfigOfAnotherModel_ShowsTensorAndBothShapes()
    {
        Save(width: 16);
        string config = Path.Combine(_folder.FullName, "config.json");
        File.WriteAllText(config, Config(width: 32).ToJson());
        IPage page = await OpenFormAsync();
        await ChooseAllAsync(page);
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Mixed up");
        await ImportAsync(page);
        ILocator refusal = page.GetByRole(AriaRole.Alert);
        await Expect(refusal).ToContainTextAsync("transformer.");
        await Expect(refusal).ToContainTextAsync("16");
        await Expect(refusal).ToContainTextAsync("32");
        await Expect(refusal.GetByRole(AriaRole.Button, new() { Name = "Copy" })).ToBeVisibleAsync();
        await Expect(page.Locator(".sending")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Import_CompleteFolder_IsListedDownloadedAndDeleted()
    {
        Save(width: 16);
        File.WriteAllText(Path.Combine(_folder.FullName, "training_args.bin"), "not read");
        IPage page = await OpenFormAsync();
        await ChooseAllAsync(page);
        await Expect(page.Locator(".files .left-out")).ToContainTextAsync("training_args.bin");
        await Expect(page.Locator(".files .sound")).ToHaveCountAsync(2);
        await Expect(page.GetByLabel("Name", new() { Exact = true })).ToHaveValueAsync(new Regex("^GPT-2, 2 layers, "));
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Tiny GPT-2");
        await ImportAsync(page);

        ILocator row = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Tiny GPT-2" });
        await Expect(row).ToContainTextAsync("2 layers · 16 wide");
        await Expect(row).ToContainTextAsync("Imported");
        await Expect(row).ToContainTextAsync("Not usable with text");
        string hash = ModelFiles.Inspect(_folder.FullName).WeightsSha256;
        await Expect(row.Locator("code")).ToHaveAttributeAsync("title", hash);
        await AssertAccessibleAsync(page);
        await AssertAccessibleAsync(await chromium.OpenAsync(app.Address + "/models", ColorScheme.Dark, width: 400));

        await page.GetByLabel("Actions for Tiny GPT-2").ClickAsync();
        IDownload download = await page.RunAndWaitForDownloadAsync(
            () => MenuItem(page, "Download as zip").ClickAsync());
        using (ZipArchive zip = ZipFile.OpenRead(await download.PathAsync()))
            Assert.Equal(["config.json", "model.safetensors"], zip.Entries.Select(entry => entry.FullName).Order());

        await page.GetByLabel("Actions for Tiny GPT-2").ClickAsync();
        await MenuItem(page, "Delete").ClickAsync();
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("weights");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(row).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await Expect(row).ToContainTextAsync("2 layers · 16 wide");
        await Expect(row.Locator("code")).ToHaveAttributeAsync("title", hash);
    }

    /// <summary>Rubbish under the right names: red marks before anything is sent.</summary>
    [Fact]
    public async Task Import_Rubbish_IsMarkedFileByFileBeforeItIsSent()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "model.safetensors"), "1234567");
        File.WriteAllText(Path.Combine(_folder.FullName, "config.json"), "{}");
        File.WriteAllText(Path.Combine(_folder.FullName, "vocab.json"), "[1]");
        File.WriteAllText(Path.Combine(_folder.FullName, "merges.txt"), "");
        IPage page = await OpenFormAsync();
        bool sent = false;
        page.Request += (_, request) => sent |= request.Method == "POST" && request.Url.EndsWith("/api/models", StringComparison.Ordinal);
        await ChooseAllAsync(page);
        await Expect(page.Locator(".files .bad")).ToHaveCountAsync(4);
        await Expect(page.Locator(".files .sound")).ToHaveCountAsync(0);
        await Expect(page.Locator(".files li").Filter(new() { HasText = "model.safetensors" }).First).ToContainTextAsync("is no safetensors file");
        await Expect(page.Locator(".files li").Filter(new() { HasText = "merges.txt" }).First).ToContainTextAsync("is empty");
        await AssertAccessibleAsync(page);
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Rubbish");
        await ImportAsync(page);
        await Expect(page.Locator("#files-problem")).ToBeVisibleAsync();
        Assert.False(sent);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task ModelPage_SaysEverythingAndLeadsOn(ColorScheme theme, int width)
    {
        Model model = await SmallModels.ImportAsync(app, $"Page of {theme}", seed: 21 + width);
        await using Visit visit = await chromium.VisitAsync(app, "/models", theme, width);
        await visit.Link(model.Name).ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync(model.Name);
        await Expect(visit.Page.Locator("main")).ToContainTextAsync("Imported from a Hugging Face folder.");
        await Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "Models", Exact = true }).First).ToHaveAttributeAsync("href", "/models");
        foreach (string tab in new[] { "Overview", "Evaluations", "Files and Python", "Card" })
        {
            await visit.Page.GetByRole(AriaRole.Tab, new() { Name = tab, Exact = true }).ClickAsync();
            await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync(tab switch
            {
                "Overview" => "Attention heads", "Evaluations" => "Nothing has been measured on it yet.", "Files and Python" => "GPT2LMHeadModel", _ => "pipeline_tag",
            });
            await visit.AssertAccessibleAsync();
            Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), $"{tab} is wider than its window of {width} pixels.");
            await visit.KeepPictureAsync($"models-{tab}-{width}-{theme}");
        }
        await visit.Page.GetByLabel($"Actions for {model.Name}").ClickAsync();
        await visit.MenuItem("Rename").ClickAsync();
        await visit.Page.GetByRole(AriaRole.Dialog).GetByLabel("Name").FillAsync($"Renamed in {theme}");
        await visit.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Rename" }).ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync($"Renamed in {theme}");
        Assert.Contains($"# Renamed in {theme}\n", await app.Http.GetStringAsync($"/api/models/{model.Id}/card.md"));
        visit.AssertNoFaults();
    }

    private static ILocator MenuItem(IPage page, string name) => page.GetByRole(AriaRole.Menuitem, new() { Name = name, Exact = true });

    private static async Task AssertAccessibleAsync(IPage page) => Assert.Empty(await Chromium.ViolationsAsync(page));

    private async Task<IPage> OpenFormAsync()
    {
        IPage page = await chromium.OpenAsync(app.Address + "/models");
        await page.GetByRole(AriaRole.Button, new() { Name = "Import a model" }).ClickAsync();
        await Expect(page.Locator("#files")).ToBeVisibleAsync();
        return page;
    }

    private Task ChooseAllAsync(IPage page) =>
        page.Locator("#files").SetInputFilesAsync(_folder.EnumerateFiles().Select(file => file.FullName));

    private static Task ImportAsync(IPage page) => page.GetByRole(AriaRole.Button, new() { Name = "Import", Exact = true }).ClickAsync();

    private void Save(int width)
    {
        using TextModel model = TextModel.CreateRandom(Config(width), seed: 3);
        ModelFiles.Save(model, _folder.FullName, FileLayer.Disk);
    }

    private static Gpt2Config Config(int width) => new()
    {
        VocabSize = 300,
        NPositions = 24,
        NEmbd = width,
        NLayer = 2,
        NHead = 2,
        BosTokenId = 299,
        EosTokenId = 299,
    };
}
