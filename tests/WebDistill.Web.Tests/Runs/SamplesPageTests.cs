using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>The samples of a run in a browser: by keyboard, by address, and as they come.</summary>
[Trait("needs", "browser")]
public sealed class SamplesPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Samples_BySliderAndKeyboard_ShowEachUpdateInBothThemesWideAndNarrow()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Sampled run", 40);
        await RecordedSamples.AddAsync(app.Service<DatabaseWriter>(), run, [0, 10, 20, 30, 40]);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}", width: 1440);
        await visit.TabAsync("Samples");
        ILocator samples = visit.Region("Samples"), slider = samples.GetByRole(AriaRole.Slider, new() { Name = "Update", Exact = true });
        await Expect(samples).ToContainTextAsync("After update 40 the student is 0.0732 nats/token from its teacher on these prompts; before the first it was 3.0000.");
        await slider.FocusAsync();
        await visit.Page.Keyboard.PressAsync("ArrowLeft");
        await Expect(samples).ToContainTextAsync("After update 30 the student is");
        await Expect(slider).ToHaveAttributeAsync("aria-valuetext", "Update 30, mean KL 0.0968 nats per token");
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=samples&update=30$"));
        await visit.Page.Keyboard.PressAsync("Home");
        await Expect(samples).ToContainTextAsync("Before the first update the student is 3.0000");
        await Expect(slider).ToBeFocusedAsync();

        // The address brings back what it shows; the arrows walk along the tokens, and the number is there in words.
        await visit.GoAsync($"/runs/{run.Id:N}?tab=samples&update=20");
        await Expect(samples).ToContainTextAsync("After update 20 the student is");
        ILocator first = samples.GetByRole(AriaRole.Region, new() { Name = "Prompt 1", Exact = true }), tokens = first.GetByRole(AriaRole.Option);
        await Expect(first.GetByRole(AriaRole.Heading, new() { Name = "Once upon a time" })).ToBeVisibleAsync();
        await Expect(first.GetByText("there was a fox.")).ToBeVisibleAsync();
        await Expect(tokens).ToHaveCountAsync(4);
        // The script that moves along the tokens comes after the text.
        for (int i = 0; i < 200 && !await tokens.Nth(1).EvaluateAsync<bool>("token => token === document.activeElement"); i++)
        {
            await tokens.First.FocusAsync();
            await visit.Page.Keyboard.PressAsync("ArrowRight");
            await Task.Delay(50);
        }
        await Expect(tokens.Nth(1)).ToBeFocusedAsync();
        await Expect(first.GetByRole(AriaRole.Status)).ToHaveTextAsync("␣after␣20: KL 0.0952\u00a0nats");

        await visit.AssertInOrderAsync("samples");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Samples_NewOnesSaved_AreShownUnlessTheReaderLooksAtOthers()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Sampled meanwhile", 40);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}?tab=samples");
        ILocator samples = visit.Region("Samples");
        await Expect(samples).ToContainTextAsync("This run has no samples");
        await SaveAsync(run, 0);
        await Expect(samples).ToContainTextAsync("Before the first update the student is");
        await SaveAsync(run, 10);
        await Expect(samples).ToContainTextAsync("After update 10 the student is");
        await samples.GetByRole(AriaRole.Slider).PressAsync("Home");
        await Expect(samples).ToContainTextAsync("Before the first update the student is");
        await SaveAsync(run, 20);
        await Expect(samples).ToContainTextAsync("2 prompts, answered 3 times");
        await Expect(samples).ToContainTextAsync("Before the first update the student is");

        // From where it stands to the newest, by itself.
        await visit.Button("Play").ClickAsync();
        await Expect(samples).ToContainTextAsync("After update 20 the student is");
        await Expect(visit.Button("Play")).ToBeVisibleAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("\\?tab=samples$"));
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Training_WithSamplesOfThreePrompts_ShowsThemWhileItTrains()
    {
        Dataset dataset = await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        Run run = await app.Service<RunService>().CreateAsync(SmallRuns.Training(dataset, epochs: 100_000).With(o => o with
        {
            Schedule = o.Schedule with { MaxUpdates = 100_000 }, Samples = new() { IntervalSteps = 200, Prompts = ["The green boat", "The yellow"] },
        }));
        await visit.GoAsync($"/runs/{run.Id:N}?tab=samples");
        ILocator samples = visit.Region("Samples");
        await Expect(samples).ToContainTextAsync(new Regex("After update \\d00, of"), new() { Timeout = 60_000 });
        await Expect(samples.GetByRole(AriaRole.Heading, new() { Name = "The green boat", Exact = true })).ToBeVisibleAsync();
        await Expect(samples).ToContainTextAsync("There is no teacher to compare these with.");
        await Expect(samples.GetByRole(AriaRole.Option)).ToHaveCountAsync(0);
        await app.Service<WebDistill.Web.Jobs.RunCommands>().StopAsync(run.Id);
        await Expect(visit.Page.Locator(".run-line .status")).ToHaveTextAsync("Stopped");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Form_SamplesOnAndOff_TakesPromptsLineByLine()
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        ILocator section = visit.Region("Samples"), prompts = section.GetByLabel("Prompts", new() { Exact = true });
        await prompts.FillAsync("Once upon\nThe \\x");
        await Expect(section).ToContainTextAsync("'The \\x' has a lone backslash.");
        await prompts.FillAsync("Once upon\nThe \\n end");
        await Expect(section).Not.ToContainTextAsync("lone backslash");
        await section.GetByRole(AriaRole.Textbox, new() { Name = "Sample every (updates)", Exact = true }).FillAsync("0");
        await Expect(section).ToContainTextAsync("No samples are made.");
        await Expect(prompts).ToHaveCountAsync(0);
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    private async Task SaveAsync(Run run, int step)
    {
        await RecordedSamples.AddAsync(app.Service<DatabaseWriter>(), run, [step]);
        app.Service<RunAnnouncements>().Announce(run.Id);
    }
}
