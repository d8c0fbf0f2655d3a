using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What a person does with a run: pause, resume, stop, continue, branch, and its place in the queue.</summary>
[Trait("needs", "browser")]
public sealed class RunControlTests(WebDistillApp app, Chromium chromium)
    : IClassFixture<WebDistillApp>, IClassFixture<Chromium>, IAsyncLifetime
{

    private RunService Runs => app.Service<RunService>();

    public Task InitializeAsync() => Task.CompletedTask;

    // One run trains at a time: what a test leaves behind would let the next one wait for ever.
    public async Task DisposeAsync()
    {
        foreach (Run run in await Runs.ListAsync())
        {
            if (!run.IsFinal && run.Status != RunStatus.Stopping)
                await app.Service<RunCommands>().StopAsync(run.Id);
        }
    }

    [Fact]
    public async Task PauseAndResume_FromThePage_TrainsOnWithoutAGap()
    {
        Run run = await StartAsync("Paused run");
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(20);
        await Expect(visit.Page.Locator(".topbar .training")).ToContainTextAsync("Paused run");

        await visit.Button("Pause").ClickAsync();
        await Expect(Status(visit)).ToHaveTextAsync("Paused");
        await Expect(visit.Page.Locator(".mud-snackbar")).ToContainTextAsync("Paused run: paused after");
        await Expect(visit.Page.Locator(".topbar .training")).ToHaveCountAsync(0);
        await Expect(visit.Button("Pause")).ToHaveCountAsync(0);
        await OpenTabAsync(visit, "Checkpoints");
        await Expect(Rows(visit).First).ToContainTextAsync("kB");
        await visit.AssertAccessibleAsync();
        double saved = await visit.CurvesAsync("points");

        await visit.Button("Resume").ClickAsync();
        await visit.WaitForPointsAsync(saved + 20);
        await Expect(Status(visit)).ToHaveTextAsync("Running");
        await Expect(visit.Page.Locator(".run-line")).ToContainTextAsync("attempt 2");
        await StopAsync(visit, "It can be resumed later");
        Assert.Equal((await Runs.GetAsync(run.Id)).Step, await PointsAtRestAsync(visit));
        Assert.Equal(0, await visit.CurvesAsync("gaps"));
        Assert.Equal(0, await visit.CurvesAsync("duplicates"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task StopThenResumeFromACheckpoint_NamesWhatIsLostAndTrainsOnFromThere()
    {
        Run run = await StartAsync("Stopped run", options => options with { Checkpoints = options.Checkpoints with { IntervalSteps = 50 } });
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(120);
        await StopAsync(visit, "It can be resumed later");
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCurves.state === 'ended'");
        int step = (await Runs.GetAsync(run.Id)).Step;
        // How far it came before the click is the machine's affair, and so which checkpoints are still kept.
        int from = (await Runs.CheckpointsAsync(run.Id))[^2].Step;

        await OpenTabAsync(visit, "Checkpoints");
        await visit.ActAsync($"the checkpoint of update {from}", "Resume from here");
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync(new Regex($"The {Figures.Count(step - from)} (update that was|updates that were) recorded "
            + $"after update {Figures.Count(from)} (is|are) made again"));
        await Expect(dialog).ToContainTextAsync("Removes the later checkpoint");
        await Expect(dialog).ToContainTextAsync(new Regex(@"\d\s(kB|MB): update"));
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Resume" }).ClickAsync();

        await Expect(visit.Page.Locator(".run-line")).ToContainTextAsync("attempt 2");
        await OpenTabAsync(visit, "Log");
        await visit.Page.GetByLabel("Search the log").FillAsync("Goes on");
        await Expect(visit.Page.Locator(".log")).ToContainTextAsync($"Goes on from the checkpoint of update {from}.");
        await visit.WaitForPointsAsync(step + 10);
        await app.Service<RunCommands>().StopAsync(run.Id);
        await Expect(Status(visit)).ToHaveTextAsync("Stopped");
        Assert.Equal((await Runs.GetAsync(run.Id)).Step, await PointsAtRestAsync(visit));
        Assert.Equal(0, await visit.CurvesAsync("gaps"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Continue_ForMoreEpochs_TrainsThem()
    {
        Run run = await CompletedAsync("Short run");
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.ActAsync("Short run", "Continue for more epochs");
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("The learning rate follows the plan of the longer run from there");
        await visit.Page.FillAsync("#more-epochs", "0");
        await Expect(visit.Page.Locator("#more-epochs-problem")).ToContainTextAsync("out of range");
        await visit.Page.FillAsync("#more-epochs", "2");
        await visit.AssertAccessibleAsync();
        await visit.Button("Continue for 2 more epochs").ClickAsync();
        await Expect(visit.Page.Locator(".run-head")).ToContainTextAsync($"{3 * run.TotalSteps} updates");
        await Expect(Status(visit)).ToHaveTextAsync("Completed");
        await OpenTabAsync(visit, "Options");
        await Expect(visit.Page.Locator(".options").Filter(new() { HasText = "Epochs" })).ToContainTextAsync("3 passes");
        await OpenTabAsync(visit, "Curves");
        Assert.Equal(3 * run.TotalSteps, await visit.WaitForPointsAsync(3 * run.TotalSteps));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Branch_FromACheckpoint_KeepsWhatMustStayAndBegins()
    {
        Run run = await CompletedAsync("Trunk");
        Checkpoint last = (await Runs.CheckpointsAsync(run.Id))[^1];
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await OpenTabAsync(visit, "Checkpoints");
        await visit.ActAsync($"the checkpoint of update {last.Step}", "Branch");
        await Expect(visit.Page).ToHaveURLAsync(new Regex($"/runs/new\\?branch={run.Id:N}&step={last.Step}$"));
        await visit.GoAsync($"/runs/new?branch={run.Id:N}&step={last.Step}&halve=learningRate");
        await Expect(visit.Page.Locator(".notice")).ToContainTextAsync($"Goes on from update {last.Step} of Trunk.");
        await Expect(visit.Page.Locator("[id='schedule.batchSize']")).ToBeDisabledAsync();
        await Expect(visit.Page.Locator("#seed")).ToBeDisabledAsync();
        await Expect(visit.Page.Locator("[id='schedule.epochs']")).ToBeEnabledAsync();
        await Expect(visit.Page.Locator("[id='optimiser.learningRate']")).ToHaveValueAsync("2.5e-4");
        await visit.Page.Locator(".field:has([id='schedule.batchSize']) .tip button").HoverAsync();
        await Expect(visit.Page.Locator(".mud-tooltip.mud-popover-open")).ToContainTextAsync("Cannot change here");
        await visit.Page.FillAsync("[id='schedule.epochs']", "2");
        await visit.AssertAccessibleAsync();
        await visit.Page.Locator("#launch").ClickAsync();

        await Expect(visit.Page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
        await Expect(Status(visit)).ToHaveTextAsync("Completed");
        await Expect(visit.Page.Locator(".run-head")).ToContainTextAsync($"branched from update {last.Step} of Trunk");
        Assert.Equal(2 * run.TotalSteps, await visit.WaitForPointsAsync(2 * run.TotalSteps));
        await visit.Page.Locator(".run-head").GetByRole(AriaRole.Link, new() { Name = "Trunk", Exact = true }).ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("Trunk");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Failed_ByDivergence_OffersABranchWithHalfTheLearningRate()
    {
        Run run = await CompletedAsync("Diverged run");
        string message = new TrainingDivergedException(run.Step + 1, "the gradient's norm", double.NaN).Message;
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(r => r.Id == run.Id).ExecuteUpdateAsync(set => set
            .SetProperty(r => r.Status, RunStatus.Failed).SetProperty(r => r.Error, message)
            .SetProperty(r => r.ErrorCause, RunErrorCause.Diverged)));
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        ILocator notice = visit.Page.Locator("main .notice");
        await Expect(notice).ToContainTextAsync(message);
        await Expect(notice.Locator("code")).ToHaveTextAsync("run-diverged");
        // The same updates would end in the same way.
        await Expect(visit.Button("Resume")).ToHaveCountAsync(0);
        await visit.Link($"Branch from update {run.Step} with half the learning rate").ClickAsync();
        await Expect(visit.Page.Locator("[id='optimiser.learningRate']")).ToHaveValueAsync("2.5e-4");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Checkpoint_OpensInThePlaygroundDownloadsAndIsDeleted()
    {
        Run run = await CompletedAsync("Saved run", options => options with { Checkpoints = options.Checkpoints with { IntervalSteps = 20 } });
        Checkpoint first = (await Runs.CheckpointsAsync(run.Id))[0];
        string what = $"the checkpoint of update {first.Step}";
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}?tab=checkpoints");
        await Expect(Checkpoints(visit)).ToContainTextAsync("checkpoints, ");
        await Expect(Checkpoints(visit).Locator(".badge")).ToHaveTextAsync("best");
        IDownload zip = await visit.Page.RunAndWaitForDownloadAsync(() => visit.ActAsync(what, "Download as zip"));
        Assert.Equal($"Saved run, update {first.Step}.zip", zip.SuggestedFilename);
        await OpenTabAsync(visit, "Log");
        IDownload log = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Link("Download as JSON lines").ClickAsync());
        Assert.Contains("\"severity\":\"Information\"", await File.ReadAllTextAsync(await log.PathAsync()));

        await OpenTabAsync(visit, "Checkpoints");
        await visit.ActAsync(what, "Open in playground");
        await Expect(visit.Page.Locator("#Right-model")).ToHaveValueAsync($"Saved run, update {first.Step}");
        await visit.Page.FillAsync("#prompt", "The");
        await visit.Button("Generate").ClickAsync();
        await Expect(visit.Page.Locator($"[data-pane=right] [title*='{first.WeightsSha256}']")).ToBeVisibleAsync();

        await visit.GoAsync($"/runs/{run.Id:N}?tab=checkpoints");
        await Expect(Rows(visit).First).ToBeVisibleAsync();
        int rows = await Rows(visit).CountAsync();
        await visit.ActAsync(what, "Delete");
        await Confirm(visit, "Delete");
        await Expect(Rows(visit)).ToHaveCountAsync(rows - 1);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Queue_MovedFromTheMenu_ChangesTheOrderAndCancels()
    {
        await StartAsync("Busy run");
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        foreach (string name in new[] { "First", "Second", "Third" })
            await Runs.CreateAsync(SmallRuns.Training(dataset).With(o => o with { Name = name, Schedule = o.Schedule with { Epochs = 100_000 } }));
        await using Visit visit = await chromium.VisitAsync(app, "/");
        ILocator queued = visit.Page.GetByRole(AriaRole.Region, new() { Name = "Runs", Exact = true }).Locator("tbody tr:has(.status.queued)");
        await Expect(queued).ToContainTextAsync(["First", "Second", "Third"]);
        await Expect(queued.Nth(0)).ToContainTextAsync("next");
        await Expect(queued.Nth(1)).ToContainTextAsync("2nd in the queue");

        // With the keyboard alone.
        await visit.Button("Actions for Third").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.MenuItem("Move up")).ToBeFocusedAsync();
        await visit.Page.Keyboard.PressAsync("ArrowDown");
        await Expect(visit.MenuItem("Move to the front")).ToBeFocusedAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(queued).ToContainTextAsync(["Third", "First", "Second"]);
        await visit.ActAsync("Second", "Move up");
        await Expect(queued).ToContainTextAsync(["Third", "Second", "First"]);
        await visit.ActAsync("Third", "Move down");
        await Expect(queued).ToContainTextAsync(["Second", "Third", "First"]);

        await visit.ActAsync("Third", "Cancel");
        await Confirm(visit, "Cancel the run");
        await Expect(queued).ToContainTextAsync(["Second", "First"]);
        await visit.ActAsync("Busy run", "Pause");
        await Expect(visit.Page.Locator("tr:has-text('Busy run') .status")).ToHaveTextAsync("Paused");
        await Expect(visit.Page.Locator("tr:has-text('Second') .status")).ToHaveTextAsync("Running");
        visit.AssertNoFaults();
    }

    private async Task<Run> StartAsync(string name, Func<RunOptions, RunOptions>? change = null)
    {
        RunOptions options = SmallRuns.Training(await SmallRuns.DatasetAsync(app), epochs: 100_000) with { Name = name };
        return await Runs.CreateAsync(change?.Invoke(options) ?? options);
    }

    private async Task<Run> CompletedAsync(string name, Func<RunOptions, RunOptions>? change = null)
    {
        RunOptions options = SmallRuns.Training(await SmallRuns.DatasetAsync(app)) with { Name = name };
        Run run = await Runs.CreateAsync(change?.Invoke(options) ?? options);
        for (int i = 0; i < 720 && !run.IsFinal; i++)
        {
            await Task.Delay(250);
            run = await Runs.GetAsync(run.Id);
        }
        Assert.True(run.Status == RunStatus.Completed, $"{run.Status} {run.Error}");
        return run;
    }

    private static ILocator Status(Visit visit) => visit.Page.Locator(".run-line .status");

    private static ILocator Checkpoints(Visit visit) => visit.Page.Locator(".card:has(#h-checkpoints)");

    private static ILocator Rows(Visit visit) => Checkpoints(visit).Locator("tbody tr");

    private static Task OpenTabAsync(Visit visit, string name) => visit.Page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true }).ClickAsync();

    private static async Task StopAsync(Visit visit, string says)
    {
        await visit.Button("Stop").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync(says);
        await visit.AssertAccessibleAsync();
        await Confirm(visit, "Stop");
        await Expect(Status(visit)).ToHaveTextAsync("Stopped");
    }

    private static Task Confirm(Visit visit, string verb) => visit.Page.GetByRole(AriaRole.Dialog)
        .GetByRole(AriaRole.Button, new() { Name = verb, Exact = true }).ClickAsync();

    private static async Task<double> PointsAtRestAsync(Visit visit)
    {
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCurves.state === 'ended'");
        return await visit.CurvesAsync("points");
    }
}
