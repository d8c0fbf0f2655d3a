using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Looks at the inside of a run, from the loop to the page.</summary>
[Trait("needs", "browser")]
public sealed class DiagnosisTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Distillation_LookedAt_IsAnsweredSupersededBranchedAndDeleted()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Guid teacher = await app.StartAsync(Product.TinyTraining(dataset).With(o => o with { Student = o.Student with { LayerCount = 2 } }));
        Guid made = (await app.EndOfRunAsync(teacher)).GetProperty("studentModelId").GetGuid();
        // Without a word of it: once at the end, for an update has an eighth of the text's tokens.
        JsonElement[] own = [.. (await app.GetAsync($"/api/runs/{teacher}/diagnosis")).EnumerateArray()];
        Assert.Equal(JsonValueKind.Null, Assert.Single(own).GetProperty("predictions").GetProperty("teacher").ValueKind);

        RunOptions options = Product.TinyTraining(dataset).With(o => o with
        {
            Name = "looked at", Teacher = new() { ModelId = made.ToString() }, Student = new() { LayerCount = 1, Dropout = 0 }, Objective = Terms.Of(ce: 1, clm: 1, cos: 0, temperature: 2),
            Diagnosis = new() { IntervalSteps = 10 }, Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 100 },
        });
        Guid id = await app.StartAsync(options);
        JsonElement ended = await app.EndOfRunAsync(id);
        int total = ended.GetProperty("totalSteps").GetInt32();
        JsonElement[] looks = [.. (await app.GetAsync($"/api/runs/{id}/diagnosis?limit=3")).EnumerateArray()];
        Assert.Equal(Enumerable.Range(1, total).Where(step => step % 10 == 0 || step == total), looks.Select(look => look.GetProperty("step").GetInt32()));
        Assert.Equal(["embeddings", "block 0", "final norm"], looks[0].GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("layer").GetString()));
        JsonElement predictions = looks[^1].GetProperty("predictions");
        Assert.Equal(2, predictions.GetProperty("temperature").GetDouble());
        Assert.Equal(predictions.GetProperty("tokens").GetInt32(), predictions.GetProperty("teacher").GetProperty("softenedKl").GetProperty("counts").EnumerateArray().Sum(count => count.GetInt32()));
        Assert.Equal([total], (await app.GetAsync($"/api/runs/{id}/diagnosis?after={total - 1}")).EnumerateArray().Select(look => look.GetProperty("step").GetInt32()));
        using (HttpResponseMessage unknown = await app.Http.GetAsync($"/api/runs/{Guid.NewGuid()}/diagnosis"))
            await unknown.ProblemAsync(HttpStatusCode.NotFound);
        using (HttpResponseMessage odd = await app.Http.GetAsync($"/api/runs/{id}/diagnosis?after=x"))
            Assert.Equal(["after"], (await odd.ProblemAsync(HttpStatusCode.BadRequest)).Fields());

        (await app.Http.PostAsJsonAsync($"/api/runs/{id}/resume", new { step = 20 })).EnsureSuccessStatusCode();
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("attempt").GetInt32() == 2 && run.GetProperty("status").GetString() == "Completed");
        Assert.Equal(looks.Select(look => look.GetRawText()), (await app.GetAsync($"/api/runs/{id}/diagnosis")).EnumerateArray().Select(look => look.GetRawText()));
        using HttpResponseMessage branched = await app.Http.PostAsJsonAsync($"/api/runs/{id}/checkpoints/20/branch", options with { Diagnosis = new() { IntervalSteps = 0 } }, WebJson.Options);
        Guid branch = (await branched.JsonAsync()).GetProperty("id").GetGuid();
        await app.EndOfRunAsync(branch);
        Assert.Equal(looks.Take(2).Select(look => look.GetRawText()), (await app.GetAsync($"/api/runs/{branch}/diagnosis")).EnumerateArray().Select(look => look.GetRawText()));

        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Assert.Equal([1, 1, 2], (await db.Diagnoses.Where(one => one.RunId == id && one.Step <= 30).OrderBy(one => one.Step).ToListAsync()).Select(one => one.Attempt));
            Assert.Equal(looks.Length - 2, await db.SupersededDiagnoses.CountAsync(one => one.RunId == id && one.Attempt == 1));
            Assert.All(await db.Diagnoses.Where(one => one.RunId == branch).ToListAsync(), one => Assert.Equal(0, one.Attempt));
        });
        (await app.Http.DeleteAsync($"/api/runs/{id}")).EnsureSuccessStatusCode();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
            Assert.Equal(0, await db.Diagnoses.CountAsync(one => one.RunId == id) + await db.SupersededDiagnoses.CountAsync(one => one.RunId == id)));
    }

    [Fact]
    public async Task Options_OfARunThatHadNoDiagnosis_SwitchItOff()
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "old", OptionsJson = """{"guards":{"preset":"Act"},"data":{"datasetId":"d"}}""" };
        RunOptions read = StoredOptions.Of(run);
        Assert.Equal((0, GuardPreset.Act), (read.Diagnosis.IntervalSteps, read.Guards.Preset));
        run.OptionsJson = JsonSerializer.Serialize(new RunOptions(), WebJson.Options);
        Assert.Null(StoredOptions.Of(run).Diagnosis.IntervalSteps);
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/runs", Product.TinyTraining(await app.ReadyDatasetAsync()) with { Diagnosis = new() { IntervalSteps = -1 } }, WebJson.Options);
        Assert.Equal(["diagnosis.intervalSteps"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Theory]
    [InlineData(1440)]
    [InlineData(400)]
    public async Task Tab_OfARun_AnswersAndIsChosenFromByKeyboardAndGrowsByItself(int width)
    {
        Run run = await SmallRuns.RecordedAsync(app, $"Looked at {width}", 200);
        await SmallRuns.DiagnoseAsync(app, run);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}", width: width);
        await visit.TabAsync("Diagnosis");
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=diagnosis$"));
        ILocator answer = visit.Region("Update 200 from the inside");
        await Expect(answer).ToContainTextAsync("The student agrees with the teacher on 61\u202f% of 1\u202f024 tokens. Largest update/weight ratio 2.1e-3, in block 1: about 1e-3 is usual.");
        await Expect(visit.Page.GetByRole(AriaRole.Img, new() { NameRegex = new Regex("divergence per token at temperature 3") })).ToBeVisibleAsync();
        await Expect(visit.Region("Gradient norm by layer and update").GetByRole(AriaRole.Row)).ToHaveCountAsync(5);
        await Expect(visit.Region("Norms of each layer").GetByRole(AriaRole.Row)).ToHaveCountAsync(5);

        ILocator slider = visit.Page.GetByRole(AriaRole.Slider, new() { Name = "Update" });
        await slider.FocusAsync();
        await visit.Page.Keyboard.PressAsync("ArrowLeft");
        await Expect(visit.Region("Update 190 from the inside")).ToBeVisibleAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=diagnosis&update=190$"));
        await Expect(slider).ToHaveAttributeAsync("aria-valuetext", "Update 190");
        foreach (ColorScheme theme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            await visit.KeepPictureAsync($"/diagnosis-{width}-{theme}");
            await visit.AssertAccessibleAsync();
        }
        // The address is enough.
        await visit.GoAsync($"/runs/{run.Id:N}?tab=diagnosis&update=190");
        await Expect(visit.Region("Update 190 from the inside")).ToBeVisibleAsync();
        await visit.Page.GetByText("As a table").First.ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Cell, new() { Name = "below 0.00010" })).ToBeVisibleAsync();

        // Another one is made: who follows the newest sees it, without a reload.
        await visit.GoAsync($"/runs/{run.Id:N}?tab=diagnosis");
        await Expect(visit.Region("Update 200 from the inside")).ToBeVisibleAsync();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Diagnoses.Add(SmallRuns.Row(run, SmallRuns.Look(210, 0.5)));
            await db.SaveChangesAsync();
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
        await Expect(visit.Region("Update 210 from the inside")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }
}
