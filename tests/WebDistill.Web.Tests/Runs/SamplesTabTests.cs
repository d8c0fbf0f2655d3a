using System.Text.Json;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Reliability;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Runs;

/// <summary>The samples of a run, drawn alone over a real database.</summary>
public sealed class SamplesTabTests : ComponentTests
{
    [Fact]
    public async Task Open_WithoutAnUpdateInTheAddress_ShowsTheNewestAndFollowsThoseThatCome()
    {
        await using ProductServices product = await CreateAsync();
        Run run = await AddAsync(product, new());
        await RecordedSamples.AddAsync(product.Get<DatabaseWriter>(), run, [0, 1]);
        IRenderedComponent<SamplesTab> tab = Render(run);
        Assert.Equal("After update 1 the student is 1.5000 nats/token from its teacher on these prompts; before the first it was 3.0000.", Sentence(tab));
        Assert.Equal(("1", "1", "Update 1, mean KL 1.5000 nats per token"), Slider(tab));
        Assert.Equal(["Once upon a time", "The <b>boat</b>"], tab.FindAll(".sample h3").Select(prompt => prompt.TextContent));
        Assert.Equal(" there was a fox. end of text", tab.Find(".teacher .text").TextContent);
        Assert.Equal([" there", " after 1", "\n", "⟨end of text⟩"], tab.FindAll(".sample:first-of-type [role=option]").Select(token => token.TextContent));
        // The number without the colour: of each token, and of the answer.
        Assert.Equal("KL 2.0000 nats", tab.Find("[role=option]").GetAttribute("title"));
        Assert.Contains("mean KL 1.0000", tab.Find(".student h4").TextContent);
        Assert.Equal("␣there: KL 2.0000\u00a0nats", tab.Find(".pointed").TextContent);
        Assert.NotNull(tab.Find(".sparkline"));

        await RecordedSamples.AddAsync(product.Get<DatabaseWriter>(), run, [3]);
        product.Get<RunAnnouncements>().Announce(run.Id);
        tab.Render(parameters => parameters.Add(t => t.Run, run));
        tab.WaitForAssertion(() => Assert.StartsWith("After update 3 the student is 0.7500", Sentence(tab)));
    }

    [Fact]
    public async Task Slider_Moved_ShowsThoseSamplesAndStandsInTheAddress()
    {
        await using ProductServices product = await CreateAsync();
        Run run = await AddAsync(product, new());
        await RecordedSamples.AddAsync(product.Get<DatabaseWriter>(), run, [0, 10, 20]);
        var navigation = Page.Services.GetRequiredService<NavigationManager>();
        IRenderedComponent<SamplesTab> tab = Render(run);
        // As the page does: what the address says is what is shown.
        navigation.LocationChanged += (_, change) => tab.Render(parameters => parameters.Add(t => t.Run, run)
            .Add(t => t.Update, change.Location.Contains('=') ? change.Location.Split('=')[1] : null));
        await tab.Find("input[type=range]").InputAsync(new ChangeEventArgs { Value = "0" });
        tab.WaitForAssertion(() => Assert.Equal("Before the first update the student is 3.0000 nats/token from its teacher on these prompts.", Sentence(tab)));
        Assert.EndsWith("?update=0", navigation.Uri);
        await tab.Find("input[type=range]").InputAsync(new ChangeEventArgs { Value = "1" });
        tab.WaitForAssertion(() => Assert.StartsWith("After update 10", Sentence(tab)));
        Assert.EndsWith("?update=10", navigation.Uri);
        // The newest ones need no place in the address: those that come are shown then.
        await tab.Find("input[type=range]").InputAsync(new ChangeEventArgs { Value = "2" });
        tab.WaitForAssertion(() => Assert.StartsWith("After update 20", Sentence(tab)));
        Assert.DoesNotContain("update", navigation.Uri);
    }

    [Theory]
    [InlineData("15", "After update 10")]
    [InlineData("99", "After update 20")]
    [InlineData("-1", "After update 20")]
    [InlineData("many", "After update 20")]
    public async Task Open_AnUpdateWithoutSamples_ShowsTheOnesBeforeItOrTheNewest(string update, string shown)
    {
        await using ProductServices product = await CreateAsync();
        Run run = await AddAsync(product, new());
        await RecordedSamples.AddAsync(product.Get<DatabaseWriter>(), run, [0, 10, 20]);
        Assert.StartsWith(shown, Sentence(Render(run, update)));
    }

    [Fact]
    public async Task Open_ARunWithoutATeacher_ShowsItsAnswersAlone()
    {
        await using ProductServices product = await CreateAsync();
        Run run = await AddAsync(product, new());
        await RecordedSamples.AddAsync(product.Get<DatabaseWriter>(), run, [0, 10], hasTeacher: false);
        IRenderedComponent<SamplesTab> tab = Render(run);
        Assert.Equal("After update 10, of 100.", Sentence(tab));
        Assert.Empty(tab.FindAll(".teacher, .kl-legend, [role=option], .sparkline"));
        Assert.Equal(" there after 10\n end of text", tab.Find(".student .text").TextContent);
        Assert.Contains("There is no teacher to compare these with.", tab.Markup);
    }

    [Theory]
    [InlineData(0, RunStatus.Running, "This run makes no samples: “Sample every” is 0.")]
    [InlineData(null, RunStatus.Preparing, "The first samples come before the first update.")]
    [InlineData(null, RunStatus.Completed, "This run has no samples")]
    public async Task Open_NoSamples_SaysWhy(int? interval, RunStatus status, string why)
    {
        await using ProductServices product = await CreateAsync();
        Run run = await AddAsync(product, new() { IntervalSteps = interval }, status);
        Assert.Contains(why, Render(run).Markup);
    }

    private async Task<ProductServices> CreateAsync()
    {
        ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Page.Services.AddSingleton(product.Get<StorageHealth>());
        Page.Services.AddSingleton(new StoredSamples(product.Get<IDbContextFactory<WebDistillDb>>(), new SharedReads(product.Get<RunAnnouncements>())));
        return product;
    }

    private static async Task<Run> AddAsync(ProductServices product, SampleOptions samples, RunStatus status = RunStatus.Running)
    {
        var run = new Run
        {
            Id = Guid.CreateVersion7(), Name = "sampled", Status = status, Attempt = 1, TotalSteps = 100, CreatedAt = DateTime.UtcNow,
            OptionsJson = JsonSerializer.Serialize(new RunOptions { Samples = samples }, WebJson.Options),
        };
        await product.Get<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            return await db.SaveChangesAsync();
        });
        return run;
    }

    private IRenderedComponent<SamplesTab> Render(Run run, string? update = null)
    {
        IRenderedComponent<SamplesTab> tab = Page.Render<SamplesTab>(parameters => parameters.Add(t => t.Run, run).Add(t => t.Update, update));
        tab.WaitForAssertion(() => Assert.Empty(tab.FindAll(".skeleton")));
        return tab;
    }

    private static string Sentence(IRenderedComponent<SamplesTab> tab) => tab.Find(".sample-answer").TextContent;

    private static (string? Value, string? Most, string? Says) Slider(IRenderedComponent<SamplesTab> tab)
    {
        AngleSharp.Dom.IElement slider = tab.Find("input[type=range]");
        return (slider.GetAttribute("value"), slider.GetAttribute("max"), slider.GetAttribute("aria-valuetext"));
    }
}
