using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

[Trait("needs", "browser")]
public sealed class QuickStartTests(Chromium chromium) : IClassFixture<Chromium>
{
    [Fact]
    public async Task QuickStart_OnePress_EndsInAPlaygroundWhereBothModelsWrite()
    {
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["QuickStart:Stories"] = "120" });
        string address;
        await using (Visit first = await chromium.VisitAsync(app, "/"))
        {
            await Expect(first.Page.GetByRole(AriaRole.Heading, new() { Name = "Make a small model that talks like a big one" })).ToBeVisibleAsync();
            await first.AssertAccessibleAsync();
            await first.KeepPictureAsync("first-run");
            await first.Button("Quick start").ClickAsync();
            await Expect(first.Page).ToHaveURLAsync(new Regex("/quick-start/[0-9a-f]{32}$"));
            address = new Uri(first.Page.Url).AbsolutePath;
            await Expect(first.Page.Locator(".stages li")).ToHaveCountAsync(5);

            // The curves of what trains, the teacher's at first.
            double points = await first.WaitForPointsAsync(1);
            await first.WaitForPointsAsync(points + 5);
            await first.AssertAccessibleAsync();
            await first.KeepPictureAsync("quick-start-begun");
            first.AssertNoFaults();
        }

        // No tab is open now; what is trained meanwhile must be there afterwards.
        RunService runs = app.Service<RunService>();
        Run run = (await app.Service<QuickStart>().FindAsync(Guid.Parse(address[^32..]), default)).Student!;
        Guid id = run.Id;
        for (int i = 0; i < 1200 && !run.IsFinal; i++)
        {
            await Task.Delay(250);
            run = await runs.GetAsync(id);
        }
        Assert.True(run.Status == RunStatus.Completed, $"{run.Status} {run.Error}");

        await using Visit second = await chromium.VisitAsync(app, address);
        ILocator head = second.Page.GetByRole(AriaRole.Region, new() { Name = "Quick start", Exact = true });
        await Expect(head).ToContainTextAsync("of the teacher's size");
        await Expect(second.Page.Locator(".stages li.done")).ToHaveCountAsync(5);
        await Expect(second.Page.GetByLabel("Progress of the quick start")).ToHaveCountAsync(0);
        Assert.Equal(run.Step, await second.WaitForPointsAsync(run.Step));
        Assert.Equal(0, await second.CurvesAsync("gaps"));
        Assert.Equal(0, await second.CurvesAsync("duplicates"));
        Run teacher = await runs.GetAsync(run.AfterRunId!.Value);
        Assert.Equal(teacher.TotalSteps, (await runs.StepsAsync(teacher.Id, 0, int.MaxValue)).Count);
        // Something to look back at.
        Assert.InRange((await runs.CheckpointsAsync(id)).Count, 5, QuickStart.StudentCheckpoints + 1);
        foreach (ColorScheme theme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            await second.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
            await second.AssertAccessibleAsync();
            await second.KeepPictureAsync($"quick-start-{theme}");
        }

        await second.Link("Talk to both").ClickAsync();
        await Expect(second.Page).ToHaveURLAsync(new Regex("/playground\\?run="));
        await second.Page.FillAsync("#prompt", "One day");
        await second.Button("Generate").ClickAsync();
        ModelService models = app.Service<ModelService>();
        foreach (Guid model in new[] { teacher.StudentModelId!.Value, run.StudentModelId!.Value })
        {
            string weights = (await models.GetAsync(model)).WeightsSha256;
            await Expect(second.Page.Locator($"[title*='{weights}']").First).ToBeVisibleAsync();
        }
        await Expect(second.Page.Locator(".generated")).ToHaveCountAsync(2);
        await Expect(second.Page.Locator(".generated").First).Not.ToBeEmptyAsync();
        await Expect(second.Page.Locator(".generated").Last).Not.ToBeEmptyAsync();
        second.AssertNoFaults();
    }

    [Fact]
    public async Task QuickStart_PressedAgain_AsksAndStoresTheStoriesOnce()
    {
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["QuickStart:Stories"] = "120" });
        QuickStart quickStart = app.Service<QuickStart>();
        // It has the machine: what is begun here waits.
        Run busy = await app.Service<RunService>().CreateAsync(SmallRuns.Training(await SmallRuns.DatasetAsync(app), epochs: 100_000));
        Run earlier = await quickStart.StartAsync(default);
        await using Visit visit = await chromium.VisitAsync(app, "/", width: 400);
        ILocator dialog = visit.Page.GetByRole(AriaRole.Dialog);
        await visit.Button("Quick start").ClickAsync();
        await visit.AssertAccessibleAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Open the existing one" }).ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex($"/quick-start/{earlier.QuickStartId:N}$"));

        await visit.GoAsync("/");
        await visit.Button("Quick start").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start again" }).ClickAsync();
        await Expect(visit.Page).Not.ToHaveURLAsync(new Regex($"/quick-start/{earlier.QuickStartId:N}$"));
        await Expect(visit.Page).ToHaveURLAsync(new Regex("/quick-start/"));
        await Expect(visit.Link("Story teacher 2")).ToBeVisibleAsync();
        await Expect(visit.Link("Story student 2")).ToBeVisibleAsync();
        Assert.Single(await app.Service<DatasetService>().ListAsync(), dataset => dataset.GeneratorSeed is not null);

        await visit.Button("Stop").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true }).ClickAsync();
        await Expect(visit.Page.Locator(".answer")).ToHaveTextAsync("Stopped before the student began.");
        await visit.AssertAccessibleAsync();
        await visit.Button("Resume both").ClickAsync();
        await Expect(visit.Page.Locator(".answer")).Not.ToContainTextAsync("Stopped");
        Guid id = Guid.Parse(new Uri(visit.Page.Url).AbsolutePath[^32..]);
        (Run? teacher, Run? student) = await quickStart.FindAsync(id, default);
        Assert.Equal([RunStatus.Queued, RunStatus.Queued], [teacher!.Status, student!.Status]);
        await app.Service<RunCommands>().StopAsync(busy.Id);
        visit.AssertNoFaults();
    }

    [Fact]
    public void Plans_TeacherAndStudent_DivideTheWorkAsTheyWillDoIt()
    {
        (RunPlan teacher, RunPlan student) = QuickStart.Plans(120_000);
        double share = teacher.TotalTokens * teacher.FlopsPerToken / (teacher.TotalTokens * teacher.FlopsPerToken + student.TotalTokens * student.FlopsPerToken);
        Assert.InRange(share, 0.6, 0.9);
    }
}
