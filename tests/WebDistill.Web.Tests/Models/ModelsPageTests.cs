using System.IO.Compression;
using Microsoft.Playwright;
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
            () => page.GetByRole(AriaRole.Link, new() { Name = "Download as zip" }).ClickAsync());
        using (ZipArchive zip = ZipFile.OpenRead(await download.PathAsync()))
            Assert.Equal(["config.json", "model.safetensors"], zip.Entries.Select(entry => entry.FullName).Order());

        await page.GetByLabel("Actions for Tiny GPT-2").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("weights");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(row).ToHaveCountAsync(0);
    }

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
