using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Pages;

/// <summary>From an empty installation to a student's folder on the own disk, with nothing but the keys: no pointer, and no focus that is set from outside.</summary>
/// <remarks>It presses keys faster than anybody does, and with other tabs beside it the focus can come later than the next key: it has the machine to itself.</remarks>
[Trait("needs", "browser")]
[Collection(Reliability.TheClock.Name)]
public sealed class KeyboardOnlyTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    // More stops than that between two places of one page are no way that anybody walks.
    private const int MostStops = 110;

    [Fact]
    public async Task EmptyInstallation_ToAnExportedStudent()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/");
        IPage page = visit.Page;
        await ActivateAsync(visit.Link("Use my own text"));
        await ActivateAsync(visit.Button("Upload a text"));
        await TabToAsync(page.Locator("#file"));
        IFileChooser chooser = await page.RunAndWaitForFileChooserAsync(() => page.Keyboard.PressAsync("Space"));
        await chooser.SetFilesAsync(new FilePayload
        {
            Name = "tales.txt",
            MimeType = "text/plain",
            Buffer = Encoding.UTF8.GetBytes(string.Join("\n\n", Enumerable.Range(1, 60).Select(i => $"Tale {i}. Once a fox met {i} hens and they all went home."))),
        });
        await WriteAsync(page.Locator("#vocabularySize"), "300");
        await ActivateAsync(visit.Button("Upload"));
        await Expect(page.Locator(".facts-line .status")).ToHaveTextAsync("Ready");

        await PaletteAsync(page, "New run");
        await LaunchAsync("Keys teacher", ("student.layerCount", "2"), ("student.width", "16"), ("student.heads", "2"), ("data.contextLength", "16"), ("schedule.epochs", "1"));
        await PaletteAsync(page, "New run");
        await TabToAsync(visit.Box("Teacher"));
        await Expect(visit.Box("Teacher")).ToHaveValueAsync("Keys teacher");
        await LaunchAsync("Keys student", ("student.layerCount", "1"), ("schedule.epochs", "1"));

        await ActivateAsync(visit.Button("Actions for Keys student"));
        ILocator export = visit.MenuItem("Export the model");
        await Expect(export).ToBeVisibleAsync();
        await WalkToAsync(export, "ArrowDown");
        IDownload download = await page.RunAndWaitForDownloadAsync(() => page.Keyboard.PressAsync("Enter"));
        using ZipArchive archive = await ZipFile.OpenReadAsync(await download.PathAsync());
        Assert.Contains(archive.Entries, entry => entry.Name == "model.safetensors");
        visit.AssertNoFaults();

        async Task LaunchAsync(string name, params (string Field, string Value)[] options)
        {
            await WriteAsync(page.Locator("#name"), name);
            foreach ((string field, string value) in options)
                await WriteAsync(page.Locator($"[id='{field}']"), value);
            await Expect(page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
            await page.Keyboard.PressAsync("Control+Enter");
            await Expect(page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
            await Expect(page.Locator("h1")).ToHaveTextAsync(name);
            await Expect(page.Locator(".run-line .status")).ToHaveTextAsync("Completed");
        }
    }

    /// <summary>Goes to what the palette calls so.</summary>
    private static async Task PaletteAsync(IPage page, string entry)
    {
        await page.Keyboard.PressAsync("Control+k");
        ILocator box = page.GetByRole(AriaRole.Combobox, new() { Name = "Go to", Exact = true });
        await Expect(box).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync(entry);
        ILocator found = page.GetByRole(AriaRole.Option).Filter(new() { HasText = entry }).First;
        await Expect(found).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Option)).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("h1")).ToHaveTextAsync(entry);
        await Expect(page.Locator("#name")).ToBeVisibleAsync();
    }

    private static async Task WriteAsync(ILocator field, string text)
    {
        await TabToAsync(field);
        await field.Page.Keyboard.PressAsync("Control+a");
        await field.Page.Keyboard.TypeAsync(text);
        await Expect(field).ToHaveValueAsync(text);
    }

    private static async Task ActivateAsync(ILocator place)
    {
        await TabToAsync(place);
        await place.Page.Keyboard.PressAsync("Enter");
    }

    private static async Task TabToAsync(ILocator place)
    {
        await Expect(place).ToBeVisibleAsync();
        await WalkToAsync(place, "Tab");
    }

    /// <summary>Presses a key until the focus stands there, each time after it has moved.</summary>
    /// <remarks>In a menu the server moves it: keys pressed ahead of it would carry it past the place after it was seen there.</remarks>
    private static async Task WalkToAsync(ILocator place, string key)
    {
        List<string> stops = [];
        while (!await place.EvaluateAsync<bool>("element => element === document.activeElement"))
        {
            stops.Add(await place.Page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim().slice(0, 40)"));
            Assert.True(stops.Count <= MostStops, $"{place} is not reached by {key}; on the way: {string.Join(", ", stops)}.");
            IJSHandle before = await place.Page.EvaluateHandleAsync("document.activeElement");
            await place.Page.Keyboard.PressAsync(key);
            await place.Page.WaitForFunctionAsync("before => document.activeElement !== before", before);
        }
    }
}
