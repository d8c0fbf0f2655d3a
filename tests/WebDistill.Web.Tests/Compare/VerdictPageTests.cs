using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using WebDistill.Web.Tests.Sweeps;
using WebDistill.Web.Ui;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Compare;

/// <summary>The verdict on compared runs and on a sweep, its baseline, and what the address keeps of it.</summary>
[Trait("needs", "browser")]
public sealed class VerdictPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private static readonly SweepPlan s_plan = new()
    {
        Name = "Does it help?",
        Options = new RunOptions { Teacher = new() { ModelId = Guid.NewGuid().ToString() }, Data = new() { DatasetId = Guid.NewGuid().ToString() } },
        Dimensions =
        [
            new SweepDimension { Name = "objective", Values = [Objective("text", 0, 1), Objective("distilled", 5, 2)] },
            new SweepDimension { Name = "seed", Values = [.. new[] { 1L, 2, 3 }.Select(seed => SweepValue.Of("seed", seed))] },
        ],
    };

    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Verdict_DistilledAgainstTextAlone_SaysBeatsWithTheIntervalAndKeepsTheBaselineInTheAddress(ColorScheme theme, int width)
    {
        Run[] runs = await RunsAsync(2.00, 2.10, 2.20, 1.90, 1.99, 2.11);
        await using Visit visit = await chromium.VisitAsync(app, Addresses.Compare(runs.Select(run => run.Id)), theme, width);
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce, ColorScheme = theme });
        await Expect(Word(visit)).ToHaveTextAsync("BEATS");
        await Expect(Sentence(visit)).ToContainTextAsync("is better than Text alone by 0.10 ±\u00a00.025 (95\u202f% interval, n = 3)");
        ILocator arms = visit.Region("Arms").Locator("tbody tr");
        await Expect(arms).ToHaveCountAsync(2);
        await Expect(arms.Filter(new LocatorFilterOptions { HasText = "Text alone" })).ToContainTextAsync("baseline");
        // The arm that is there is the baseline: none is offered.
        await Expect(visit.Page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("baseline") })).ToHaveCountAsync(0);
        await Expect(visit.Page.Locator("[data-figure=between]")).ToContainTextAsync("The arms differ in “Objective” alone.");
        await visit.AssertAccessibleAsync();
        Assert.True(await visit.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than its window.");
        await visit.KeepPictureAsync($"verdict-{width}-{theme}");

        // The same as a file that opens anywhere: no script, no address of another server.
        await visit.Button("Export").ClickAsync();
        IDownload file = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Page.GetByText("HTML, one file").ClickAsync());
        string html = await File.ReadAllTextAsync(await file.PathAsync());
        Assert.Contains("<h1 class=\"beats\">BEATS</h1>", html);
        Assert.Contains("color-scheme:light dark", html);
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("http", html);
        string query = $"/api/verdicts?runs={string.Join(',', runs.Select(run => run.Id))}";
        Assert.Contains("| Text alone | 2.10 |", await app.Http.GetStringAsync($"{query}&format=md"));
        System.Text.Json.JsonElement json = await app.GetAsync(query);
        Assert.Equal(("BEATS", 2), (json.GetProperty("word").GetString(), json.GetProperty("arms").GetArrayLength()));
        Assert.Equal("NO BEATS", (await app.GetAsync($"{query}&baseline={runs[^1].Id}")).GetProperty("word").GetString());
        await visit.Page.Keyboard.PressAsync("Escape");

        // Another arm as the baseline turns the word round, and a reload keeps it.
        await visit.Page.GetByRole(AriaRole.Combobox, new() { Name = "Compared with" }).ClickAsync();
        await visit.Page.GetByRole(AriaRole.Option).Last.ClickAsync();
        await Expect(Word(visit)).ToHaveTextAsync("NO BEATS");
        await Expect(visit.Page).ToHaveURLAsync(new Regex("&baseline="));
        await visit.Page.ReloadAsync();
        await Expect(Word(visit)).ToHaveTextAsync("NO BEATS");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Verdict_OneSeed_IsInconclusiveAndSaysWhatToDo()
    {
        Run[] runs = await RunsAsync(2.00, 2.10, 2.20, 1.90, 1.99, 2.11);
        await using Visit visit = await chromium.VisitAsync(app, Addresses.Compare([runs[0].Id, runs[3].Id]));
        await Expect(Word(visit)).ToHaveTextAsync("INCONCLUSIVE");
        await Expect(Sentence(visit)).ToContainTextAsync("Train both under at least one more seed");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Baseline_Missing_IsQueuedOnceAndJoinsTheComparison()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        RunService service = app.Service<RunService>();
        Run teacher = await DoneAsync(await service.CreateAsync(SmallRuns.Training(dataset)));
        RunOptions distilled = SmallRuns.Training(dataset).With(o => o with
        {
            Name = "Distilled", Objective = Terms.Of(ce: 5, clm: 1, cos: 0), Teacher = new() { ModelId = teacher.StudentModelId!.Value.ToString() },
            Student = o.Student with { Width = null, Heads = null },
        });
        Run[] runs = [await DoneAsync(await service.CreateAsync(distilled with { Seed = 1 })), await DoneAsync(await service.CreateAsync(distilled with { Seed = 2 }))];
        await using Visit visit = await chromium.VisitAsync(app, Addresses.Compare(runs.Select(run => run.Id)));
        await visit.Button("Make the baseline (2 runs)").ClickAsync();
        await Expect(visit.Region("Arms").Locator("tbody tr").Filter(new LocatorFilterOptions { HasText = "Text alone" })).ToBeVisibleAsync();
        await Expect(visit.Region("Figures of every run").Locator("tbody tr")).ToHaveCountAsync(4);
        await Expect(visit.Button("Make the baseline (2 runs)")).ToHaveCountAsync(0);
        IReadOnlyList<Run> all = await service.ListAsync();
        Run[] made = [.. all.Where(run => run.Name == "Distilled: text alone")];
        Assert.Equal([1, 2], made.Select(run => StoredOptions.Of(run).Seed).Order());
        Assert.All(made, run => Assert.True(Baselines.IsTextAlone(StoredOptions.Of(run))));
        // Asked for again, nothing new is trained.
        (IReadOnlyList<Run> again, int queued) = await app.Service<Baselines>().CompleteAsync(runs);
        Assert.Equal(0, queued);
        Assert.Equal(made.Select(run => run.Id).Order(), again.Select(run => run.Id).Order());
        foreach (Run run in made)
            await DoneAsync(run);
        // The page hears of it by itself.
        await Expect(Sentence(visit)).ToContainTextAsync("Seed by seed");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Sweep_ItsPoints_AreTheArms()
    {
        Sweep sweep = await RecordedSweeps.AddAsync(app, s_plan, [.. new[] { 2.00, 2.10, 2.20, 1.90, 1.99, 2.11 }.Select(value => (value, RunStatus.Completed))]);
        Verdict verdict = (await app.Service<SweepVerdicts>().ReadAsync(await app.Service<SweepReports>().GetAsync(sweep.Id))).Verdict;
        Assert.Equal((VerdictWord.Beats, "objective = distilled"), (verdict.Word, verdict.Reference!.Title));
        Assert.Equal(["objective = distilled", "objective = text"], verdict.Arms.Select(arm => arm.Title));
    }

    private static ILocator Word(Visit visit) => visit.Page.Locator("[data-figure=verdict]");

    private static ILocator Sentence(Visit visit) => visit.Page.Locator("[data-figure=verdict-sentence]");

    private static SweepValue Objective(string label, double ce, double clm) => new()
    {
        Label = label,
        Changes = new Dictionary<string, System.Text.Json.JsonElement>
        {
            ["objective.ce.weight"] = System.Text.Json.JsonSerializer.SerializeToElement(ce), ["objective.clm.weight"] = System.Text.Json.JsonSerializer.SerializeToElement(clm),
            ["objective.cos.weight"] = System.Text.Json.JsonSerializer.SerializeToElement(0.0),
        },
    };

    private async Task<Run[]> RunsAsync(params double[] perplexities)
    {
        Sweep sweep = await RecordedSweeps.AddAsync(app, s_plan, [.. perplexities.Select(value => (value, RunStatus.Completed))]);
        await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        return await db.Runs.Where(run => run.SweepId == sweep.Id).OrderBy(run => run.QueueOrder).ToArrayAsync();
    }

    private async Task<Run> DoneAsync(Run run)
    {
        for (int i = 0; i < 720 && !run.IsFinal; i++)
        {
            await Task.Delay(250);
            run = await app.Service<RunService>().GetAsync(run.Id);
        }
        Assert.True(run.Status == RunStatus.Completed, $"{run.Status} {run.Error}");
        return run;
    }
}
