using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Sweeps;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Pages;

/// <summary>
/// Names that would be a script, an element, a link or a formula, some of them as only an earlier version would have stored: nothing of
/// them comes alive on a page, in a report or in a table.
/// </summary>
[Trait("needs", "browser")]
public sealed class HostileNamesTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private const string Alive = "data-alive";
    private const string Element = $"\"'><img {Alive} src=x onerror=window.pwned=1><script {Alive}>window.pwned=1</script>";
    private const string Link = "[x](javascript:alert(1)) ![p](http://evil.example/p.png)";
    private const string Formula = "\r\n=HYPERLINK(\"http://evil.example\")";
    private const string Turned = "\u202Egpj.exe\0";

    [Fact]
    public async Task SweepPages_HostileNamesAndLabels_AreText()
    {
        Sweep sweep = await HostileSweepAsync();
        Guid[] runs = [.. (await app.Service<SweepReports>().GetAsync(sweep.Id)).Runs.Select(run => run.Run.Id)];
        foreach (string path in new[]
        {
            "/", "/sweeps", $"/sweeps/{sweep.Id:N}", $"/sweeps/new?run={runs[0]:N}", $"/runs/{runs[0]:N}",
            $"/compare?runs={string.Join(',', runs.Select(id => id.ToString("N")))}", "/settings",
        })
        {
            await using Visit visit = await chromium.VisitAsync(app, path);
            await Expect(visit.Page.Locator("h1")).ToBeVisibleAsync();
            await visit.Page.WaitForTimeoutAsync(300);
            Assert.Equal(0, await visit.Page.Locator($"[{Alive}]").CountAsync());
            Assert.Equal(0, await visit.Page.EvaluateAsync<int>("() => window.pwned ?? 0"));
            Assert.DoesNotContain("javascript:", await visit.Page.EvaluateAsync<string>("() => [...document.querySelectorAll('[href],[src]')].map(e => (e.getAttribute('href') ?? '') + (e.getAttribute('src') ?? '')).join(' ')"));
            visit.AssertNoFaults();
        }
    }

    [Fact]
    public async Task SweepTables_HostileNamesAndLabels_AreCells()
    {
        Sweep sweep = await HostileSweepAsync();
        string csv = await app.Http.GetStringAsync($"/api/sweeps/{sweep.Id}/table.csv");
        AssertNoFormula(csv);
        string markdown = await app.Http.GetStringAsync($"/api/sweeps/{sweep.Id}/table.md");
        Assert.DoesNotContain("<img", markdown);
        Assert.DoesNotContain("<script", markdown);
        Assert.DoesNotMatch(@"(?<!\\)\]\(", markdown);
        Assert.Equal(2 + 4, markdown.TrimEnd('\n').Split('\n').Length);
    }

    [Theory]
    [InlineData("html")]
    [InlineData("md")]
    [InlineData("csv")]
    [InlineData("json")]
    public async Task Report_HostileNames_AreTextInEveryFormat(string format)
    {
        Guid run = await HostileRunAsync();
        using HttpResponseMessage response = await app.Http.GetAsync($"/api/reports?run={run}&format={format}");
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        if (format != "csv")
        {
            Assert.DoesNotContain($"<img {Alive}", text);
            Assert.DoesNotContain($"<script {Alive}", text);
        }
        switch (format)
        {
            case "html":
                await using (Visit visit = await chromium.VisitAsync(app, "/"))
                {
                    await visit.Page.SetContentAsync(text);
                    Assert.Equal(0, await visit.Page.Locator($"[{Alive}], script, img, a:not([href^='#']), iframe").CountAsync());
                    Assert.Contains("<img", await visit.Page.Locator("body").InnerTextAsync());
                }
                break;
            case "md":
                Assert.DoesNotMatch(@"(?<!\\)\]\(", text);
                break;
            case "csv":
                AssertNoFormula(text);
                break;
            default:
                Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind);
                break;
        }
    }

    [Fact]
    public async Task ReportPage_HostileNames_AreText()
    {
        Guid run = await HostileRunAsync();
        foreach (string path in new[] { $"/runs/{run:N}/report", "/models", "/evaluate", "/playground" })
        {
            await using Visit visit = await chromium.VisitAsync(app, path);
            await Expect(visit.Page.Locator("h1")).ToBeVisibleAsync();
            await visit.Page.WaitForTimeoutAsync(300);
            Assert.Equal(0, await visit.Page.Locator($"[{Alive}]").CountAsync());
            Assert.Equal(0, await visit.Page.EvaluateAsync<int>("() => window.pwned ?? 0"));
            visit.AssertNoFaults();
        }
    }

    // Reads the cells as RFC 4180 has them: quotation marks are doubled inside, and separators count outside only.
    private static void AssertNoFormula(string csv)
    {
        string[] cells = [.. Regex.Matches(csv, "(?:^|,|\r\n)(\"(?:[^\"]|\"\")*\"|[^,\r\n]*)").Select(match => match.Groups[1].Value.Trim('"'))];
        Assert.True(cells.Length > 10, csv);
        Assert.Contains(cells, cell => cell.Contains("HYPERLINK"));
        Assert.All(cells, cell => Assert.DoesNotMatch(@"^[\s\p{C}]*[=@+＝]", cell));
    }

    private Task<Sweep> HostileSweepAsync() => RecordedSweeps.AddAsync(app, new SweepPlan
    {
        Name = Element,
        Options = new() { Teacher = new() { ModelId = Guid.NewGuid().ToString() }, Data = new() { DatasetId = Guid.NewGuid().ToString() } },
        Dimensions =
        [
            new SweepDimension
            {
                Name = Element,
                Values = [.. new[] { Element, Link, Formula, Turned }.Select((label, i) => SweepValue.Of("objective.ce.temperature", i + 1.0) with { Label = label })],
            },
            new SweepDimension { Name = Formula, Values = [SweepValue.Of("objective.ce.weight", 1.0) with { Label = Link }] },
        ],
    }, (12, RunStatus.Completed), (13, RunStatus.Completed), (9, RunStatus.Completed), (11, RunStatus.Stopped));

    /// <summary>A completed run whose model was measured on a text, all with hostile names.</summary>
    private async Task<Guid> HostileRunAsync()
    {
        Model model = await SmallModels.ImportAsync(app, "to be renamed", 9);
        Directory.CreateDirectory(Path.Combine(app.Root, "evaluation"));
        await File.WriteAllTextAsync(Path.Combine(app.Root, "evaluation", "tale.txt"), "One day the bird sat on the wall. The dog came.");
        using HttpResponseMessage asked = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(app.Http, "/api/evaluations",
            new { modelId = model.Id, set = "text", fileName = "tale.txt", contextLength = 16 });
        Guid evaluation = (await asked.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/evaluations/{evaluation}", e => e.GetProperty("status").GetString() == "Completed");
        Sweep sweep = await HostileSweepAsync();
        return await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Model row = db.Models.Single(m => m.Id == model.Id);
            row.Name = Element + Link + Formula + Turned;
            db.Evaluations.Single(e => e.Id == evaluation).SourceName = Formula + Element + Link;
            Run run = db.Runs.First(r => r.SweepId == sweep.Id);
            run.StudentModelId = model.Id;
            await db.SaveChangesAsync();
            return run.Id;
        });
    }
}
