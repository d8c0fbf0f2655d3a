using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Generation;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Tests.Runs;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Playground;

/// <summary>The playground on the checkpoints of a run that really trained, for a second.</summary>
[Trait("needs", "browser")]
public sealed class CheckpointAnswersTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task EveryCheckpoint_AnswersTheSamePromptAndTheSliderWalksThroughTheAnswers()
    {
        Run run = await TrainedAsync();
        IReadOnlyList<Checkpoint> checkpoints = await app.Service<RunService>().CheckpointsAsync(run.Id);
        Assert.True(checkpoints.Count >= 2);
        await using Visit visit = await chromium.VisitAsync(app,
            $"/playground?mode=Checkpoints&checkpointsOf={run.Id:N}&prompt=The&maxNewTokens=8&greedy=true&stopStrings=never%20there");
        await Expect(visit.Page.Locator("#checkpoints-of")).ToHaveValueAsync(new Regex($"^{Regex.Escape(run.Name)} "));
        await visit.Button("Generate").ClickAsync();
        ILocator ending = visit.Page.Locator("[data-figure=ending]"), slider = visit.Page.Locator("#checkpoint");
        await Expect(ending).ToHaveTextAsync($"All {checkpoints.Count} checkpoints have answered");
        await slider.FocusAsync();
        await visit.Page.Keyboard.PressAsync("Home");
        for (int i = 0; i < checkpoints.Count; i++)
        {
            string text = string.Concat(await app.Service<GenerationService>().GenerateAsync(checkpoints[i].Id, "The",
                new GenerationOptions { Greedy = true, MaxNewTokens = 8 }).Select(piece => piece.Text).ToListAsync());
            await Expect(visit.Page.Locator("[data-figure=checkpoint]")).ToContainTextAsync($"{i + 1} of {checkpoints.Count}");
            string label = $"Update {Figures.Count(checkpoints[i].Step)}, ";
            await Expect(slider).ToHaveAttributeAsync("aria-valuetext",
                new Regex("^" + label + "(validation perplexity [\\d.]|perplexity not measured)"));
            await Expect(visit.Page.Locator(".checkpoints .prompt")).ToHaveTextAsync("The");
            Assert.Equal(text, await visit.Page.Locator(".checkpoints .generated").TextContentAsync());
            await visit.Page.Keyboard.PressAsync("ArrowRight");
        }
        await visit.AssertAccessibleAsync();
        // All of them stand in the lists of the panes, under their run.
        await visit.TabAsync("Side by side");
        // The last one is the model that the run made: it stands among the models, once.
        Assert.Equal((await app.Service<ModelService>().GetAsync(run.StudentModelId!.Value)).WeightsSha256, checkpoints[^1].WeightsSha256);
        await visit.Page.ClickAsync("#Right-model");
        await Expect(visit.Page.GetByRole(AriaRole.Option, new() { Name = $"Checkpoints of {run.Name}" })).ToHaveCountAsync(1);
        await Expect(visit.Page.GetByRole(AriaRole.Option, new() { NameRegex = new Regex($"^{Regex.Escape(run.Name)}, update ") })).ToHaveCountAsync(checkpoints.Count - 1);
        await visit.Page.GetByRole(AriaRole.Option, new() { Name = $"{run.Name}, update {checkpoints[0].Step}", Exact = true }).ClickAsync();
        await Expect(visit.Page.Locator("#Right-model")).ToHaveValueAsync($"{run.Name}, update {checkpoints[0].Step}");
        await Expect(visit.Page.Locator("[data-pane=right] .facts-line > span").Nth(1)).ToHaveTextAsync("1 layer");
        await Expect(visit.Page.Locator(".prompt-bar [data-copy]")).ToHaveAttributeAsync("data-copy",
            new Regex($"right={checkpoints[0].Id:N}"));
        visit.AssertNoFaults();
    }

    private async Task<Run> TrainedAsync()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        RunService runs = app.Service<RunService>();
        Run run = await runs.CreateAsync(SmallRuns.Training(dataset).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 20,
            KeepLast = 5 } }));
        for (int i = 0; i < 720 && !run.IsFinal; i++)
        {
            await Task.Delay(250);
            run = await runs.GetAsync(run.Id);
        }
        Assert.True(run.Status == RunStatus.Completed, $"{run.Status} {run.Error}");
        return run;
    }
}
