using Microsoft.Playwright;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Compress;

[Trait("needs", "browser")]
public sealed class CompressPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    /// <summary>From the model's menu to the new model's page, with a refusal on the way.</summary>
    [Fact]
    public async Task Compress_FromTheMenuOfAModel_LeadsToTheReportOfTheNewOne()
    {
        Guid id = await app.ImportedModelAsync();
        await using Visit visit = await chromium.VisitAsync(app, $"/models/{id:N}");
        IPage page = visit.Page;
        await page.GetByRole(AriaRole.Button, new() { Name = "Actions for tiny", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Menuitem, new() { Name = "Compress", Exact = true }).ClickAsync();
        await Expect(page).ToHaveURLAsync($"{app.Address}/models/{id:N}/compress");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Compress tiny without training" })).ToBeVisibleAsync();

        await visit.ChooseAsync("Transform", "Magnitude pruning");
        await Expect(page.GetByText("Sets the weights of smallest magnitude to 0.")).ToBeVisibleAsync();
        ILocator sparsity = visit.Text("Sparsity");
        await Expect(sparsity).ToHaveValueAsync("0.5");
        Assert.Empty(await Chromium.ViolationsAsync(page));

        await sparsity.FillAsync("1,5");
        await page.GetByRole(AriaRole.Button, new() { Name = "Compress", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("has a comma");
        await sparsity.FillAsync("1.5");
        await page.GetByRole(AriaRole.Button, new() { Name = "Compress", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The value is 1.5, expected");
        await Expect(sparsity).ToBeFocusedAsync();

        await sparsity.FillAsync("0.75");
        await visit.Text("Name").FillAsync("A quarter of tiny");
        await page.GetByRole(AriaRole.Button, new() { Name = "Compress", Exact = true }).ClickAsync();
        ILocator report = visit.Region("Before and after");
        await Expect(report.GetByRole(AriaRole.Rowheader, new() { Name = "Parameters that are not 0" })).ToBeVisibleAsync();
        await Expect(page.GetByText("Made of tiny without training: magnitude pruning.")).ToBeVisibleAsync();
        await Expect(visit.Region("Compression")).ToContainTextAsync("75 %");
        Assert.Empty(await Chromium.ViolationsAsync(page));
    }
}
