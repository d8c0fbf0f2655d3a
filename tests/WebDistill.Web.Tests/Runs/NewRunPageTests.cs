using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

[Trait("needs", "browser")]
public sealed class NewRunPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Theory]
    [InlineData("optimiser.learningRate", "1,5", "write 1.5")]
    [InlineData("optimiser.learningRate", "NaN", "is not a finite number")]
    [InlineData("optimiser.learningRate", "fast", "is not a number")]
    [InlineData("optimiser.learningRate", "", "is blank")]
    [InlineData("optimiser.learningRate", "-1", "-1")]
    [InlineData("schedule.epochs", "1.5", "is not a whole number")]
    [InlineData("schedule.batchSize", "0", "0")]
    [InlineData("student.heads", "3", "do not divide the width")]
    [InlineData("schedule.warmupProportion", "7", "7")]
    public async Task Field_BadValue_MessageBesideItAndNoLaunch(string field, string value, string message)
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        ILocator launch = visit.Page.Locator("#launch");
        await Expect(launch).Not.ToHaveAttributeAsync("aria-disabled", "true");
        string good = await visit.Page.InputValueAsync($"[id='{field}']");

        await visit.Page.FillAsync($"[id='{field}']", value);
        await Expect(visit.Page.Locator($"[id='{field}-problem']")).ToContainTextAsync(message);
        await Expect(visit.Page.Locator($"[id='{field}']")).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(launch).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync(message);
        await visit.Page.Locator(".problem-list a").First.ClickAsync();
        await Expect(visit.Page.Locator($"[id='{field}']")).ToBeFocusedAsync();

        await visit.Page.FillAsync($"[id='{field}']", good);
        await Expect(visit.Page.Locator($"[id='{field}-problem']")).ToHaveCountAsync(0);
        await Expect(launch).Not.ToHaveAttributeAsync("aria-disabled", "true");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Launch_TeacherFromScratch_TrainsIt_ThenTheFormPicturesItsPrediction()
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        foreach ((string field, string value) in new[]
        {
            ("name", "Tiny teacher"), ("student.layerCount", "2"), ("student.width", "16"), ("student.heads", "2"), ("data.contextLength", "16"), ("schedule.epochs", "2"),
        })
            await visit.Page.FillAsync($"[id='{field}']", value);
        await Expect(visit.Page.Locator(".field.changed [id='schedule.epochs'], .field.changed:has([id='schedule.epochs'])").First).ToBeVisibleAsync();
        await Expect(visit.Page.Locator(".facts")).ToContainTextAsync("256");
        await visit.Page.Locator("#launch").ClickAsync();
        await Expect(visit.Page).ToHaveURLAsync(new Regex("/runs/[0-9a-f]{32}$"));
        await Expect(visit.Page.Locator(".run-line .status")).ToHaveTextAsync("Completed");

        await visit.GoAsync("/runs/new");
        await Expect(visit.Box("Teacher")).ToHaveValueAsync("Tiny teacher");
        await Expect(visit.Page.Locator(".softened .bar-row")).ToHaveCountAsync(12);
        string warm = await visit.Page.Locator(".softened .share").First.InnerTextAsync();
        await visit.Page.FillAsync("[id='objective.ce.temperature']", "20");
        await Expect(visit.Page.Locator(".softened .caption")).ToContainTextAsync("T = 20");
        Assert.True(Share(await visit.Page.Locator(".softened .share").First.InnerTextAsync()) < Share(warm));
        await visit.Page.FillAsync("[id='objective.ce.temperature']", "0");
        await Expect(visit.Page.Locator("[id='objective.ce.temperature-problem']")).ToContainTextAsync("0");
        await visit.Page.Locator(".field:has([id='objective.ce.temperature']) > .label .reset").ClickAsync();
        await Expect(visit.Page.Locator("[id='objective.ce.temperature']")).ToHaveValueAsync("2");
        await visit.Page.GetByLabel("Layer 1", new PageGetByLabelOptions { Exact = true }).UncheckAsync();
        await Expect(visit.Page.Locator("[id='student.teacherLayers']")).ToHaveValueAsync("0");
        visit.AssertNoFaults();
    }

    /// <summary>The finding "a context length larger than the text replaces the whole form by an error page".</summary>
    [Fact]
    public async Task ContextLength_LargerThanTheText_IsAMessageBesideItAndTheFormStays()
    {
        await SmallRuns.DatasetAsync(app);
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        await visit.Page.FillAsync("#name", "Kept");
        await visit.Page.FillAsync("[id='data.contextLength']", "1000000");
        await Expect(visit.Page.Locator("[id='data.contextLength-problem']")).ToContainTextAsync("expected at least one block of 1000000");
        await Expect(visit.Page.Locator("#launch")).ToHaveAttributeAsync("aria-disabled", "true");
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("Kept");
        visit.AssertNoFaults();
    }

    /// <summary>The finding "runs that cannot fit can be launched": the plan stays in view with what takes the memory.</summary>
    [Fact]
    public async Task Plan_OnASmallMachine_IsRefusedOrWarnedOfWithTheArithmeticInView()
    {
        await SmallRuns.DatasetAsync(app);
        try
        {
            app.Machine = new Machine { MemoryBytes = 320_000_000, FreeMemoryBytes = 20_000_000, FreeDiskBytes = 10_000_000_000 };
            await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
            await Expect(visit.Page.Locator(".problem-list")).ToContainTextAsync("and the machine has 320 MB of memory");
            await Expect(visit.Page.Locator("#launch")).ToHaveAttributeAsync("aria-disabled", "true");
            await visit.Page.Locator(".summary details summary").ClickAsync();
            await Expect(visit.Page.Locator(".summary details")).ToContainTextAsync("Adam's moments");
            app.Machine = app.Machine with { MemoryBytes = 3_000_000_000, FreeDiskBytes = 150_000_000 };
            await visit.Page.FillAsync("[id='checkpoints.keepLast']", "9");
            await Expect(visit.Page.Locator(".warning-list")).ToContainTextAsync("The disk is tight");
            await Expect(visit.Page.Locator(".field:has([id='checkpoints.keepLast']) .note")).ToContainTextAsync("The disk is tight");
            await Expect(visit.Page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
            Assert.Equal("", await Chromium.ViolationsAsync(visit.Page));
            visit.AssertNoFaults();
        }
        finally
        {
            app.Machine = null;
        }
    }

    [Fact]
    public async Task Preset_Paper_FillsItsSettings()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/runs/new");
        await visit.Button("Knowledge Distillation on GPT2").ClickAsync();
        await Expect(visit.Page.Locator("[id='schedule.gradientAccumulation']")).ToHaveValueAsync("500");
        await Expect(visit.Page.Locator("[id='optimiser.learningRate']")).ToHaveValueAsync("2.5e-4");
        await Expect(visit.Page.Locator("[id='schedule.warmupProportion']")).ToHaveValueAsync("0.05");
        await Expect(visit.Page.Locator("[id='data.contextLength']")).ToHaveValueAsync("1024");
        await Expect(visit.Page.Locator("[id='schedule.epochs']")).ToHaveValueAsync("4");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task Clone_RecordedRun_TakesItsOptions()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Original", 10);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?clone={run.Id:N}");
        await Expect(visit.Page.Locator("#name")).ToHaveValueAsync("Original (copy)");
        await Expect(visit.Page.Locator("#s-goal")).ToContainTextAsync("Clone of Original");
        visit.AssertNoFaults();
    }

    private static double Share(string text) => double.Parse(text.Split(' ', '\u00a0')[0], System.Globalization.CultureInfo.InvariantCulture);
}
