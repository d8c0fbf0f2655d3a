using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Distillation.Training;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Notes and tags on the pages of runs, and the pinned baseline wherever a figure stands.</summary>
[Trait("needs", "browser")]
public sealed class RunNotesPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Notes_AreWrittenByKeyboardChangedDeletedAndBroughtBack()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Noted run", 30);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}?tab=notes");
        ILocator box = visit.Page.GetByLabel("New note"), notes = visit.Page.GetByRole(AriaRole.List, new() { Name = "Notes of the run" }).GetByRole(AriaRole.Listitem);
        await box.FillAsync("A higher temperature\n<b>helped</b>");
        // What is typed outlives a reload.
        await visit.Page.WaitForFunctionAsync("id => localStorage.getItem(`webdistill.draft.note.${id}`)?.includes('helped')", run.Id.ToString("N"));
        await visit.Page.ReloadAsync();
        await Expect(box).ToHaveValueAsync("A higher temperature\n<b>helped</b>");
        await box.PressAsync("Control+Enter");
        await Expect(notes).ToHaveCountAsync(1);
        await Expect(notes).ToContainTextAsync("<b>helped</b>");
        await Expect(box).ToHaveValueAsync("");
        await visit.Button("Add the note").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Alert).Filter(new LocatorFilterOptions { HasText = "The note is blank. Write something." })).ToBeVisibleAsync();
        await box.FillAsync("Second");
        await visit.Button("Add the note").ClickAsync();
        await Expect(notes).ToHaveCountAsync(2);
        await Expect(notes.First).ToContainTextAsync("Second");
        await visit.AssertInOrderAsync("notes");

        await visit.Button("Change the note “Second”").ClickAsync();
        await visit.Page.GetByLabel("Text of the note").FillAsync("Second thoughts");
        await visit.Button("Save").ClickAsync();
        await Expect(notes.First).ToContainTextAsync("Second thoughts");
        await Expect(notes.First).ToContainTextAsync("changed");
        await visit.Button("Delete the note “Second thoughts”").ClickAsync();
        await Expect(notes).ToHaveCountAsync(1);
        await visit.Button("Undo").ClickAsync();
        await Expect(notes).ToHaveCountAsync(2);
        await Expect(notes.First).ToContainTextAsync("Second thoughts");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Tags_AreGivenToOneRunAndToSeveralAndFindThem()
    {
        Run first = await SmallRuns.RecordedAsync(app, "Oak 1", 10), second = await SmallRuns.RecordedAsync(app, "Oak 2", 10);
        await SmallRuns.RecordedAsync(app, "Oak 3", 10);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{first.Id:N}");
        ILocator box = visit.Page.GetByLabel("Tags", new() { Exact = true });
        await box.FillAsync("Forest");
        await box.PressAsync("Enter");
        await Expect(visit.Link("forest")).ToBeVisibleAsync();
        await box.FillAsync("a\u202Eb");
        await box.PressAsync("Enter");
        await Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("is not one word of visible characters");
        await box.FillAsync("old");
        await box.PressAsync("Enter");
        await visit.Button("Remove old").ClickAsync();
        await Expect(visit.Link("old")).ToHaveCountAsync(0);
        await visit.Link("forest").ClickAsync();

        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/?tag=forest");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(1);
        await visit.ChooseAsync("Runs with the tag", "Any tag");
        await visit.GoAsync("/?filter=oak");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(3);
        await visit.Page.GetByLabel("Choose Oak 2").CheckAsync();
        await visit.Page.GetByLabel("Choose Oak 3").CheckAsync();
        await visit.Button("Tag…").ClickAsync();
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Tag them" }).ClickAsync();
        await Expect(dialog).ToContainTextAsync("There is no tag.");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "forest", Exact = true }).ClickAsync();
        await Expect(dialog.GetByLabel("Tags", new() { Exact = true })).ToHaveValueAsync("forest");
        await dialog.GetByLabel("Tags", new() { Exact = true }).FillAsync("forest many");
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce });
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Tag them" }).ClickAsync();
        await Expect(visit.Page.GetByText("Tagged 2 runs: forest, many")).ToBeVisibleAsync();
        Assert.Equal(["forest", "many"], await app.Service<RunTags>().OfAsync(second.Id));
        Assert.Equal(["forest"], await app.Service<RunTags>().OfAsync(first.Id));
        await visit.GoAsync("/");
        await visit.ChooseAsync("Runs with the tag", "many");
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/?tag=many");
        await Expect(visit.Rows("Runs")).ToHaveCountAsync(2);
        await visit.AssertInOrderAsync("tagged");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Baseline_Pinned_EveryComparableFigureShowsItsDifference()
    {
        Run baseline = await SmallRuns.RecordedAsync(app, "Pine baseline", 60), better = await SmallRuns.RecordedAsync(app, "Pine better", 60),
            elsewhere = await SmallRuns.RecordedAsync(app, "Pine elsewhere", 60);
        await using (WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync())
        {
            await db.Runs.Where(run => run.Id == better.Id).ExecuteUpdateAsync(set => set.SetProperty(run => run.ValidationPerplexity, 2.64)
                .SetProperty(run => run.OptionsJson, JsonSerializer.Serialize(StoredOptions.Of(better) with { Optimiser = new() { LearningRate = 0.01 } }, WebJson.Options)));
            await db.Runs.Where(run => run.Id == elsewhere.Id).ExecuteUpdateAsync(set => set
                .SetProperty(run => run.OptionsJson, JsonSerializer.Serialize(StoredOptions.Of(elsewhere) with { Data = new() { DatasetId = Guid.NewGuid().ToString() } }, WebJson.Options)));
        }
        await using Visit visit = await chromium.VisitAsync(app, "/?filter=pine");
        await visit.ActAsync("Pine baseline", "Pin as the baseline");
        ILocator Row(string name) => visit.Rows("Runs").Filter(new LocatorFilterOptions { HasText = name });
        await Expect(Row("Pine better")).ToContainTextAsync("\u22120.11 (\u22124.0\u202f%)");
        await Expect(Row("Pine elsewhere")).ToContainTextAsync("another text");
        await Expect(Row("Pine elsewhere")).Not.ToContainTextAsync("(+");
        await Expect(Row("Pine baseline").GetByText("baseline", new() { Exact = true })).ToBeVisibleAsync();
        await visit.AssertInOrderAsync("pinned-runs");

        await visit.Link("Pine better").ClickAsync();
        await Expect(visit.Page.Locator(".head-figures")).ToContainTextAsync("baseline: \u22120.11 (\u22124.0\u202f%)");
        await visit.WaitForPointsAsync(60);
        ILocator legend = visit.Page.Locator("[data-chart=perplexity] .legend");
        await Expect(legend).ToContainTextAsync("Baseline Pine baseline");
        await Expect(legend.Locator(".line.dashed")).ToHaveCountAsync(2);
        await visit.AssertInOrderAsync("pinned-run");
        await visit.TabAsync("Options");
        await Expect(visit.Region("Options")).ToContainTextAsync("differs from the baseline Pine baseline");
        await visit.ChooseAsync("Options compared with", "Preset");
        await Expect(visit.Region("Options")).ToContainTextAsync("the preset “");

        await visit.GoAsync($"/compare?runs={better.Id:N},{baseline.Id:N}");
        await Expect(visit.Region("Arms").Locator("tbody tr").Filter(new LocatorFilterOptions { HasText = "baseline" })).ToHaveCountAsync(1);
        await Expect(visit.Box("Compared with")).ToHaveValueAsync(new Regex("\\(pinned\\)$"));
        await visit.ChooseAsync("Compared with", "The best one");
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/compare?runs={better.Id:N},{baseline.Id:N}&baseline=rule");

        await visit.GoAsync($"/runs/{elsewhere.Id:N}");
        await visit.WaitForPointsAsync(60);
        await Expect(legend.Locator(".line.dashed")).ToHaveCountAsync(1);
        await visit.GoAsync($"/runs/{baseline.Id:N}");
        await visit.ActAsync("Pine baseline", "Unpin the baseline");
        await Expect(visit.Page.GetByText("No run is the baseline any more")).ToBeVisibleAsync();
        await visit.GoAsync("/?filter=pine");
        await Expect(Row("Pine better")).Not.ToContainTextAsync("\u22120.11");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task System_OfARunThatWasSampled_IsDrawnInItsUnitsAndNotAmongTheCurves()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Sampled run", 100), before = await SmallRuns.RecordedAsync(app, "Run of an earlier version", 20);
        await using (WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync())
        {
            StoredSeries stored = await db.Series.SingleAsync(series => series.RunId == run.Id);
            stored.Json = RunSeries.Begin(stored.Json, SystemSeries.All);
            foreach (int step in (int[])[25, 50, 75, 100])
            {
                foreach ((string name, double value) in new (string, double)[] { ("matrixPeakShare", 0.31), ("processCpuShare", 0.82 + step / 1000.0), ("machineCpuShare", 0.95), ("processMemoryBytes", 1.2e9),
                    ("machineMemoryUsedBytes", 5.5e9), ("machineMemoryBytes", 16e9) })
                    db.Measurements.Add(new Measurement { RunId = run.Id, Name = name, Step = step, Attempt = 1, Value = value });
            }
            await db.SaveChangesAsync();
        }
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(100);
        await Expect(visit.Page.Locator("[data-chart=systemCpu]")).ToHaveCountAsync(0);
        await visit.TabAsync("System");
        await Expect(visit.Page).ToHaveURLAsync($"{app.Address}/runs/{run.Id:N}?tab=system");
        ILocator Legend(string chart) => visit.Page.Locator($"[data-chart={chart}] .legend");
        await Expect(Legend("systemCpu")).ToContainTextAsync("This process92.0");
        await Expect(Legend("systemCpu")).ToContainTextAsync("Whole machine95.0");
        await Expect(Legend("systemMemory")).ToContainTextAsync("Machine, all16.0");
        await Expect(Legend("systemPeak")).ToContainTextAsync("31.0");
        await Expect(visit.Page.Locator("[data-chart=systemMemory]")).ToContainTextAsync("GB");
        await Expect(visit.Page.GetByText("6 operations per parameter")).ToBeVisibleAsync();
        await visit.AssertInOrderAsync("system");
        await visit.OpenChartMenuAsync("Processor");
        string csv = await File.ReadAllTextAsync(await (await visit.Page.RunAndWaitForDownloadAsync(() => visit.Button("Download Processor as CSV").ClickAsync())).PathAsync());
        Assert.StartsWith("step,processCpuShare,machineCpuShare\n25,0.845", csv);

        await visit.GoAsync($"/runs/{before.Id:N}?tab=system");
        await Expect(visit.Page.GetByText("Nothing of the machine was recorded")).ToBeVisibleAsync();
        visit.AssertNoFaults();
    }
}
