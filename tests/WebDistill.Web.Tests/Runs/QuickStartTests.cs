using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
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
            await Expect(first.Page.GetByText("Nothing has been trained yet")).ToBeVisibleAsync();
            await first.Page.Locator("main .button.primary.large").ClickAsync();
            await Expect(first.Page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
            address = new Uri(first.Page.Url).AbsolutePath;
            await Expect(first.Page.Locator(".stages li")).ToHaveCountAsync(5);

            // The student's page shows its teacher's curves until its own begin.
            double points = await first.WaitForPointsAsync(1);
            await first.WaitForPointsAsync(points + 5);
            first.AssertNoFaults();
        }

        // No tab is open now; what is trained meanwhile must be there afterwards.
        Guid id = Guid.Parse(address[^32..]);
        RunService runs = app.Service<RunService>();
        Run run = await runs.GetAsync(id);
        for (int i = 0; i < 1200 && !run.IsFinal; i++)
        {
            await Task.Delay(250);
            run = await runs.GetAsync(id);
        }
        Assert.True(run.Status == RunStatus.Completed, $"{run.Status} {run.Error}");

        await using Visit second = await chromium.VisitAsync(app, address);
        await Expect(second.Page.Locator(".run-line .status")).ToHaveTextAsync("Completed");
        await Expect(second.Page.Locator(".stages li.done")).ToHaveCountAsync(5);
        Assert.Equal(run.Step, await second.WaitForPointsAsync(run.Step));
        Assert.Equal(0, await second.CurvesAsync("gaps"));
        Assert.Equal(0, await second.CurvesAsync("duplicates"));
        Run teacher = await runs.GetAsync(run.AfterRunId!.Value);
        Assert.Equal(teacher.TotalSteps, (await runs.StepsAsync(teacher.Id, 0, int.MaxValue)).Count);

        await second.Link("Open in playground").ClickAsync();
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
}
