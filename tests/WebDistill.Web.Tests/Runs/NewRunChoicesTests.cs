using System.Text;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What the form of a new run makes of choices that do not go together, and of a run that takes days. Models and runs of its own: they change
/// what the form suggests.</summary>
[Trait("needs", "browser")]
public sealed class NewRunChoicesTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    /// <summary>The finding "a newcomer's first click is an error": what the teacher cannot do is cut, and both field and summary say so.</summary>
    [Fact]
    public async Task Preset_MoreThanTheTeacherCan_IsCutAndSaysSo()
    {
        Guid teacher = await app.ImportedModelAsync();
        using HttpResponseMessage upload = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", teacher.ToString()));
        Guid dataset = (await upload.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{dataset}", d => d.GetProperty("state").GetString() == "Ready");
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?teacher={teacher:N}&dataset={dataset:N}");
        await visit.Button("Knowledge Distillation on GPT2").ClickAsync();
        await Expect(visit.Page.Locator("[id='data.contextLength']")).ToHaveValueAsync("16");
        await Expect(visit.Page.Locator(".warning-list")).ToContainTextAsync("1\u202f024 became 16: the teacher has 16 positions.");
        await Expect(visit.Page.Locator(".field:has([id='data.contextLength']) .note")).ToContainTextAsync("became 16");
        // What is typed is not cut again: it is a problem of its field, which is marked though launching was never tried.
        await visit.Page.FillAsync("[id='data.contextLength']", "17");
        await Expect(visit.Page.Locator("[id='data.contextLength-problem']")).ToContainTextAsync("have 16 positions");
        await Expect(visit.Page.Locator(".warning-list")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    /// <summary>Launching what takes days is asked twice, and the last plan stays in view while a field is wrong.</summary>
    [Fact]
    public async Task Launch_RunOfDays_IsAskedFirst()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        Guid measured = await app.StartAsync(SmallRuns.Training(dataset));
        await app.EndOfRunAsync(measured);
        // One token in a second.
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            await db.StepRows.Where(row => row.RunId == measured).ExecuteDeleteAsync();
            await db.Runs.Where(row => row.Id == measured).ExecuteUpdateAsync(set => set.SetProperty(row => row.TokensPerSecond, 1.0));
        });
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?clone={measured:N}");
        await visit.Page.FillAsync("[id='schedule.epochs']", "100");
        await Expect(visit.Page.Locator(".warning-list")).ToContainTextAsync("at the speed of the latest run");
        await Expect(visit.Page.GetByRole(AriaRole.Progressbar, new() { NameRegex = new Regex("^Memory: ") })).ToBeVisibleAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Img, new() { NameRegex = new Regex("^Learning rate: linear, warm-up over") })).ToBeVisibleAsync();
        await visit.Page.Locator("#launch").ClickAsync();
        await Expect(visit.Page.GetByText("Launch it all the same?")).ToBeVisibleAsync();
        await Expect(visit.Button("Not now")).ToBeFocusedAsync();
        Assert.Equal("", await Chromium.ViolationsAsync(visit.Page));
        string updates = await visit.Page.Locator(".facts").InnerTextAsync();
        await visit.Page.FillAsync("[id='schedule.batchSize']", "none");
        await Expect(visit.Page.Locator(".facts.stale")).ToBeVisibleAsync();
        Assert.Equal(updates, await visit.Page.Locator(".facts").InnerTextAsync());
        await visit.Page.FillAsync("[id='schedule.batchSize']", "8");
        await visit.Page.Locator("#launch").ClickAsync();
        await visit.Button("Launch anyway").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
        Guid launched = Guid.Parse(visit.Page.Url[^32..]);
        using (await app.Http.PostAsync($"/api/runs/{launched}/stop", null))
            await app.EndOfRunAsync(launched);
        visit.AssertNoFaults();
    }
}
