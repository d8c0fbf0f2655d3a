using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Evaluations;

[Trait("needs", "browser")]
public sealed class EvaluationPagesTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{

    [Fact]
    public async Task Evaluate_ChosenModelAndText_ShowsTheFigureAndItsProtocol()
    {
        WriteText("tale.txt");
        Model model = await SmallModels.ImportAsync(app, "Measured", 1);
        await using Visit visit = await chromium.VisitAsync(app, $"/evaluate?model={model.Id:N}");
        await Expect(visit.Page.Locator(".set:has-text('Penn Treebank') .note")).ToContainTextAsync("Missing: ptb/ptb.test.txt");
        await Expect(Set(visit, "Fidelity")).ToBeDisabledAsync();
        await visit.Page.SelectOptionAsync("#dataset", "file:tale.txt");
        await Set(visit, "Size and speed").UncheckAsync();
        await visit.Page.Locator("details.advanced summary").ClickAsync();
        await visit.Page.FillAsync("#context", "4096");
        await visit.Button("Measure").ClickAsync();
        await Expect(visit.Page.Locator("#context-problem")).ToContainTextAsync("expected 2 to the 128 positions of 'Measured'");
        await visit.Page.FillAsync("#context", "32");
        await visit.Button("Measure").ClickAsync();

        // Other tests measure beside this one.
        ILocator row = visit.Page.Locator("section:has(#h-evaluations) tbody tr:has-text('Measured')").First;
        await Expect(row).ToContainTextAsync("Completed");
        await Expect(row).ToContainTextAsync("Perplexity per token");
        await row.GetByRole(AriaRole.Button, new() { Name = "Details of Measured on Any text" }).ClickAsync();
        await Expect(visit.Page.Locator("tr.details")).ToContainTextAsync("Windows of 32 tokens begin every 16");
        await Expect(visit.Page.Locator("tr.details")).ToContainTextAsync("bits/byte");
        await visit.AssertAccessibleAsync();

        await visit.Button("Measure").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Status).Filter(new() { HasText = "queued" })).ToContainTextAsync("1 measured or asked for before");
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Delete the evaluation of Measured on Any text" }).ClickAsync();
        await visit.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync();
        await Expect(row).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Theory]
    [InlineData(false, 1400)]
    [InlineData(true, 900)]
    public async Task Report_OfTeacherAndStudent_HasTableChartsAndExports(bool dark, int width)
    {
        WriteText("report.txt");
        Model teacher = await SmallModels.ImportAsync(app, "Teacher", 3), student = await SmallModels.ImportAsync(app, "Student", 4);
        await using Visit visit = await chromium.VisitAsync(app, $"/report?models={student.Id:N},{teacher.Id:N}&teacher={teacher.Id:N}",
            dark ? ColorScheme.Dark : ColorScheme.Light, width);
        await Expect(visit.Page.Locator("h2").First).ToHaveTextAsync("Teacher, Student");
        await AskAsync(new EvaluationRequest { ModelId = teacher.Id, Set = "text", FileName = "report.txt", ContextLength = 32 });
        await AskAsync(new EvaluationRequest { ModelId = student.Id, Set = "text", FileName = "report.txt", ContextLength = 32 });
        await AskAsync(new EvaluationRequest
        {
            ModelId = student.Id, ReferenceModelId = teacher.Id, Set = "fidelity", FileName = "report.txt", ContextLength = 32,
        });
        // The page hears of every measurement by itself.
        await Expect(visit.Page.Locator(".report-chart").First).ToBeVisibleAsync();
        ILocator summary = visit.Page.Locator("section:has(#h-summary)");
        await Expect(summary).ToContainTextAsync("Any text: Perplexity per token");
        await Expect(summary.Locator("td.best")).Not.ToHaveCountAsync(0);
        await Expect(summary).ToContainTextAsync(new Regex(@"×[01]\.\d{3}"));
        await Expect(visit.Page.Locator("section:has-text('Fidelity')").Last).ToContainTextAsync("Both models read the first");
        Assert.Contains("Reliability", await visit.Page.Locator(".report-charts").First.InnerTextAsync());
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        IDownload html = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Link("HTML, one file").ClickAsync());
        Assert.Equal("Teacher, Student.html", html.SuggestedFilename);
        Assert.Contains("Bits per byte", await File.ReadAllTextAsync(await html.PathAsync()));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Evaluate_WithoutAModel_SaysWhatToDo()
    {
        await using var product = new WebDistillApp();
        await using Visit visit = await chromium.VisitAsync(product, "/evaluate");
        await Expect(visit.Page.Locator("h2")).ToHaveTextAsync("No model to measure yet");
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Report_OfNothing_SaysWhatToDo()
    {
        await using Visit visit = await chromium.VisitAsync(app, $"/report?models={Guid.NewGuid():N}");
        await Expect(visit.Page.Locator(".empty")).ToContainTextAsync("may have been deleted");
        await Expect(visit.Link("Choose models to measure")).ToBeVisibleAsync();
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    private static ILocator Set(Visit visit, string title) => visit.Page.Locator($".set:has-text('{title}') input");

    private Task AskAsync(EvaluationRequest request) => app.Service<EvaluationService>().CreateAsync(request);

    private void WriteText(string name)
    {
        string folder = app.Service<EvaluationFiles>().Folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), string.Concat(Enumerable.Range(0, 60).Select(i => $"The bird number {i % 7} sat on the wall, and sang. ")));
    }
}
