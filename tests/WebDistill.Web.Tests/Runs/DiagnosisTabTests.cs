using System.Text.Json;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Reliability;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What a run's page says of its inside, and where it says that nothing is known.</summary>
public sealed class DiagnosisTabTests : ComponentTests
{
    private const double Peak = 1e-3;

    [Theory]
    [InlineData(0.0504, 1e-4, "Largest update/weight ratio 2.1e-3, in block 1: about 1e-3 is usual.")]
    [InlineData(2.4, 1e-3, "Largest update/weight ratio 1e-1, in block 1: far above the usual 1e-3, so a smaller learning rate may be better.")]
    [InlineData(0.0000024, 1e-3, "Largest update/weight ratio 1e-7, in block 1: far below the usual 1e-3, so a larger learning rate may be quicker.")]
    [InlineData(0.0000024, 2e-5, "Largest update/weight ratio 1e-7, in block 1: small, as the learning rate is at 2.0\u202f% of its peak.")]
    [InlineData(double.NaN, 1e-3, "Largest update/weight ratio not a number, in block 1: far above the usual 1e-3, so a smaller learning rate may be better.")]
    public void Answer_NamesTheLargestRatioAndWhatItMeans(double update, double learningRate, string said)
    {
        Diagnosis look = SmallRuns.Look(100, 1, learningRate);
        look = look with
        {
            // A loss that was just switched on changes its own parameters by as much as they are: no news.
            Layers = [.. look.Layers.Select(layer => layer with { Update = layer.Layer == "block 1" ? update : 0 }), new LayerNorms("loss cos", 1, 1, 1)],
        };
        DiagnosisAnswer answer = DiagnosisAnswer.Of(look, Peak);
        Assert.Equal($"The student agrees with the teacher on 61\u202f% of 1\u202f024 tokens. {said}", answer.Sentence);
        Assert.Equal(["Agreement", "KL(teacher ‖ student)", "Teacher's entropy", "Student's entropy"], answer.Figures.Select(figure => figure.Label));
        Assert.Equal(["teacher", "student"], answer.Figures.Select(figure => figure.Tone).OfType<string>());
    }

    [Fact]
    public void Answer_WithoutTeacherOrTextOrLayers_SpeaksOfWhatThereIs()
    {
        Diagnosis look = SmallRuns.Look(100, 1);
        DiagnosisAnswer alone = DiagnosisAnswer.Of(look with { Predictions = look.Predictions! with { Teacher = null } }, Peak);
        Assert.StartsWith("Largest update/weight ratio", alone.Sentence);
        Assert.Equal(["Entropy", "Largest update/weights"], alone.Figures.Select(figure => figure.Label));
        Assert.Equal(["Largest update/weights"], DiagnosisAnswer.Of(look with { Predictions = null }, Peak).Figures.Select(figure => figure.Label));
        Assert.Equal("Nothing is known of the layers at this update: the run was cut right after it.", DiagnosisAnswer.Of(look with { Predictions = null, Layers = [] }, Peak).Sentence);
    }

    [Theory]
    [InlineData("off", RunStatus.Running, 50, "is 0")]
    [InlineData("100 updates", RunStatus.Running, 50, "every 100 updates, and at its end")]
    [InlineData("automatic", RunStatus.Running, 50, "as often as costs under 1 %")]
    [InlineData("100 updates", RunStatus.Queued, 0, "once it trains")]
    [InlineData("100 updates", RunStatus.Stopped, 50, "ended before it was looked at")]
    public async Task Tab_ThatHasNothingToShow_SaysWhy(string interval, RunStatus status, int step, string said)
    {
        await using ProductServices product = await ServicesAsync();
        Run run = Run(status, step);
        IRenderedComponent<DiagnosisTab> tab = Render(run, interval);
        tab.WaitForAssertion(() => Assert.Contains(said, tab.Find("p").TextContent));
    }

    [Fact]
    public async Task Tab_ManyLooks_ShowsTheNewestAndTheOneThatTheAddressNames()
    {
        await using ProductServices product = await ServicesAsync();
        Run run = Run(RunStatus.Running, 1000);
        await product.Get<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            db.Diagnoses.AddRange(Enumerable.Range(1, 100).Select(i => SmallRuns.Row(run, SmallRuns.Look(i * 10, i / 100.0))));
            await db.SaveChangesAsync();
        });
        IRenderedComponent<DiagnosisTab> tab = Render(run, "10 updates");
        tab.WaitForAssertion(() => Assert.Equal("Update 1\u202f000 from the inside", tab.Find("#h-diagnosis").TextContent));
        Assert.StartsWith("The student agrees with the teacher on 61\u202f% of 1\u202f024 tokens.", tab.Find(".answer").TextContent);
        // As many columns as a phone has room for, evenly over the run, the last one among them.
        Assert.Equal(24, tab.FindAll(".layer-map")[0].QuerySelectorAll("thead th").Length - 1);
        Assert.Equal(["embeddings", "block 0", "block 1", "final norm"], tab.FindAll(".layer-map")[0].QuerySelectorAll("tbody th").Select(head => head.TextContent));
        Assert.Equal("Update 1\u202f000", tab.Find(".layer-map thead th.chosen").GetAttribute("title"));
        Assert.Equal("block 1, update 1\u202f000: 0.0021", tab.FindAll(".layer-map")[1].QuerySelectorAll("tbody tr")[2].QuerySelectorAll("td").Last().GetAttribute("title"));
        // T = 1, T = 3, and agreement: each as bars with a table.
        Assert.Equal(3, tab.FindAll("figure.histogram-figure").Count);
        Assert.Contains("at temperature 3", tab.FindAll("svg.histogram")[1].GetAttribute("aria-label"));
        Assert.Equal(["below 0.00010", "0.00010 to 0.00022"], tab.FindAll("figure.histogram-figure")[0].QuerySelectorAll("tbody td").Where((_, i) => i % 2 == 0).Take(2).Select(cell => cell.TextContent));
        Assert.Equal("no tokens", tab.FindAll("figure.histogram-figure")[2].QuerySelectorAll("tbody td")[1].TextContent);

        // 333 was not looked at: the last one before it, with a column of its own where it has none.
        tab.Render(parameters => parameters.Add(t => t.Update, "333"));
        tab.WaitForAssertion(() => Assert.Equal("Update 330 from the inside", tab.Find("#h-diagnosis").TextContent));
        Assert.Equal("Update 330", tab.Find(".layer-map thead th.chosen").GetAttribute("title"));
        tab.Render(parameters => parameters.Add(t => t.Update, "never"));
        tab.WaitForAssertion(() => Assert.Equal("Update 1\u202f000 from the inside", tab.Find("#h-diagnosis").TextContent));
    }

    [Fact]
    public async Task Tab_AttemptThatMadeTheSameUpdatesAgain_ShowsItsOwn()
    {
        await using ProductServices product = await ServicesAsync();
        Run run = Run(RunStatus.Running, 20);
        await product.Get<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            db.Diagnoses.Add(SmallRuns.Row(run, SmallRuns.Look(20, 0)));
            await db.SaveChangesAsync();
        });
        IRenderedComponent<DiagnosisTab> tab = Render(run, "20 updates");
        tab.WaitForAssertion(() => Assert.Contains("30\u202f%", tab.Find(".answer").TextContent));
        // One look: nothing to choose from.
        Assert.Empty(tab.FindAll("input[type=range]"));
        await product.Get<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Diagnoses.Single(one => one.RunId == run.Id).Json = SmallRuns.Row(run, SmallRuns.Look(20, 1)).Json;
            await db.SaveChangesAsync();
        });
        run.Attempt++;
        product.Get<WebDistill.Web.Live.RunAnnouncements>().Announce(run.Id);
        tab.Render(parameters => parameters.Add(t => t.Run, run));
        tab.WaitForAssertion(() => Assert.Contains("61\u202f%", tab.Find(".answer").TextContent));
    }

    private async Task<ProductServices> ServicesAsync()
    {
        ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Page.Services.AddSingleton(product.Get<DiagnosisService>());
        return product;
    }

    private IRenderedComponent<DiagnosisTab> Render(Run run, string interval) =>
        Page.Render<DiagnosisTab>(tab => tab.Add(t => t.Run, run).Add(t => t.Interval, interval));

    private static Run Run(RunStatus status, int step) => new()
    {
        Id = Guid.CreateVersion7(), Name = "A run", Kind = RunKind.Distillation, Status = status, Step = step, TotalSteps = 1000, Attempt = 1,
        OptionsJson = JsonSerializer.Serialize(new RunOptions { Optimiser = new() { LearningRate = Peak } }, WebJson.Options), CreatedAt = DateTime.UtcNow,
    };
}
