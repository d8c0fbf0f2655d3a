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
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce });
        // What is missing stands aside.
        await Expect(visit.Page.Locator(".sets-to-add summary")).ToContainTextAsync("3 ready, 6 to add");
        await Expect(visit.Region("Models on sets, as a table").Locator("thead th")).ToHaveTextAsync(["Model", "Any text", "Fidelity", "Size and speed"]);
        await Visit.PickAsync(visit.Page, "#dataset", "tale.txt");
        await visit.Page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("^Window") }).ClickAsync();
        await visit.Page.FillAsync("#context", "4096");
        await visit.Button("Done").ClickAsync();
        await visit.Button("Measure Measured on Any text").ClickAsync();
        await Expect(visit.Page.Locator(".problem#context-problem")).ToContainTextAsync("expected 2 to the 128 positions of 'Measured'");
        await visit.AssertAccessibleAsync();
        await visit.Page.FillAsync("#context", "32");
        await visit.Button("Done").ClickAsync();
        await visit.Button("Measure Measured on Any text").ClickAsync();

        ILocator cell = visit.Page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex(@"^[\d.,\s]+, Perplexity per token, context 32, stride 16: Measured on Any text$") });
        await cell.ClickAsync();
        ILocator history = visit.Region("History of Measured on Any text"), row = history.Locator("tbody tr:has-text('Measured')").First;
        await Expect(row).ToContainTextAsync("Completed");
        await Expect(row).ToContainTextAsync("Perplexity per token, context 32, stride 16");
        await Expect(history.Locator("tr.details")).ToContainTextAsync("Windows of 32 tokens begin every 16");
        await Expect(history.Locator("tr.details")).ToContainTextAsync("Bits per byte");
        await visit.AssertAccessibleAsync();

        // The same pair under another protocol is another line of its history, and never the same name.
        await visit.Page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("^Window") }).ClickAsync();
        await visit.ChooseAsync("Preset", "No overlap (a run's validation, Hugging Face's script)");
        await visit.Button("Done").ClickAsync();
        await visit.Page.GetByLabel("Measured", new() { Exact = true }).First.CheckAsync();
        await visit.Button("Measure what is missing").ClickAsync();
        await Expect(history.Locator("tbody")).ToContainTextAsync("Perplexity per token, context 32, no overlap");
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Delete the evaluation of Measured on Any text" }).First.ClickAsync();
        await visit.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync();
        await Expect(history.Locator("tbody tr:not(.details)")).ToHaveCountAsync(1);
        visit.AssertNoFaults();
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Evaluate_FileOfASetAdded_IsReadOnceAndTheSetIsReady(ColorScheme theme, int width)
    {
        await using var product = new WebDistillApp();
        await SmallModels.ImportAsync(product, "Waits for a text", 1);
        await using Visit visit = await chromium.VisitAsync(product, "/evaluate", theme, width);
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce, ColorScheme = theme });
        await visit.Page.Locator(".sets-to-add summary").ClickAsync();
        Assert.DoesNotContain(product.Root, await visit.Page.ContentAsync());
        await visit.Page.SetInputFilesAsync("#file-of-lambada", new FilePayload { Name = "mine.jsonl", MimeType = "text/plain", Buffer = "{\"text\":\"word\"}"u8.ToArray() });
        await visit.Button("Add the file of LAMBADA").ClickAsync();
        await Expect(visit.Page.Locator("#file-of-lambada-problem")).ToContainTextAsync("This is not the file of LAMBADA: lambada_test.jsonl, line 1: the text is one word");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"evaluate-{width}-{theme}");
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        await visit.Page.SetInputFilesAsync("#file-of-lambada", new FilePayload { Name = "mine.jsonl", MimeType = "text/plain", Buffer = "{\"text\":\"One day the bird sat on the wall\"}"u8.ToArray() });
        await visit.Button("Add the file of LAMBADA").ClickAsync();
        await Expect(visit.Page.Locator(".sets-to-add summary")).ToContainTextAsync("4 ready, 5 to add");
        Assert.NotNull(product.Service<EvaluationFiles>().Find(WebDistill.Distillation.Evaluation.EvaluationSets.Get("lambada")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(product.Service<EvaluationFiles>().Folder, ".incoming*"));
        // Another one is refused: what was measured belongs to the first.
        using var form = new MultipartFormDataContent { { new ByteArrayContent("{\"text\":\"a b\"}"u8.ToArray()), "file", "other.jsonl" } };
        using HttpResponseMessage again = await product.Http.PostAsync("/api/evaluation-sets/lambada/file", form);
        Assert.Contains("is there already", (await again.ProblemAsync(System.Net.HttpStatusCode.Conflict)).GetProperty("detail").GetString());
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
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce, ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });
        await AskAsync(new EvaluationRequest { ModelId = teacher.Id, Set = "text", FileName = "report.txt", ContextLength = 32 });
        await AskAsync(new EvaluationRequest { ModelId = student.Id, Set = "text", FileName = "report.txt", ContextLength = 32 });
        await AskAsync(new EvaluationRequest
        {
            ModelId = student.Id, ReferenceModelId = teacher.Id, Set = "fidelity", FileName = "report.txt", ContextLength = 32,
        });
        // The page hears of every measurement by itself.
        await Expect(visit.Page.Locator(".report-chart").First).ToBeVisibleAsync();
        ILocator summary = visit.Region("Summary");
        await Expect(summary).ToContainTextAsync("Any text: Perplexity per token, context 32, stride 16");
        await Expect(summary.Locator("td.best")).Not.ToHaveCountAsync(0);
        await Expect(summary).ToContainTextAsync(new Regex(@"×[01]\.\d{3}"));
        await Expect(visit.Page.Locator("details:has(h2:text-is('Fidelity'))")).ToContainTextAsync("Both models read the first");
        await Expect(visit.Page.Locator("details:has(h2:text-is('Fidelity'))")).ToContainTextAsync("Fidelity perplexity, first 50 000 tokens, no overlap: student");
        // The answer first: one sentence, and a bar for each thing that it says.
        await Expect(visit.Page.Locator("[data-figure=headline]")).ToContainTextAsync(new Regex(@"^100.% of the size, .* (worse|better|as good as the teacher) \(Perplexity per token, context 32, stride 16, report.txt: "));
        await Expect(visit.Page.Locator(".scores dt")).ToHaveTextAsync(["Size", "Quality", "Agreement"]);
        Assert.Contains("Reliability", await visit.Page.Locator(".report-charts").First.InnerTextAsync());
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        await visit.KeepPictureAsync($"report-{width}-{dark}");
        await visit.Button("Export").ClickAsync();
        IDownload html = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Page.GetByText("HTML, one file").ClickAsync());
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

    private Task AskAsync(EvaluationRequest request) => app.Service<EvaluationService>().CreateAsync(request);

    private void WriteText(string name)
    {
        string folder = app.Service<EvaluationFiles>().Folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), string.Concat(Enumerable.Range(0, 60).Select(i => $"The bird number {i % 7} sat on the wall, and sang. ")));
    }
}
