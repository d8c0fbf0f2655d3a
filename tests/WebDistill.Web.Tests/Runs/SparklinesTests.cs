using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

public sealed class SparklinesTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Of_RunsOfSeveralLengths_TakesEvenlySpacedPointsOfEach()
    {
        Run[] runs = [await SmallRuns.RecordedAsync(app, "short", 7), await SmallRuns.RecordedAsync(app, "long", 5000),
            await SmallRuns.RecordedAsync(app, "as long", 4999), new Run { Id = Guid.NewGuid(), Name = "empty", OptionsJson = "{}" }];
        IReadOnlyDictionary<Guid, IReadOnlyList<double>> lines = await app.Service<Sparklines>().OfAsync(runs);
        Assert.Equal(3, lines.Count);
        foreach (Run run in runs[..3])
        {
            int stride = Sparklines.Stride(run.Step);
            double[] expected = [.. (await app.Service<RunService>().StepsAsync(run.Id, 0, int.MaxValue))
                .Where(report => report.Step % stride == 0).Select(report => report.TotalLoss)];
            Assert.Equal(expected, lines[run.Id]);
            Assert.InRange(expected.Length, 1, Sparklines.MostPoints);
        }
    }

    [Fact]
    public async Task Of_RunThatHasNoNewPoint_IsNotReadAgain_OneThatHasIs()
    {
        Run run = await SmallRuns.RecordedAsync(app, "kept", 4000);
        Sparklines sparklines = app.Service<Sparklines>();
        IReadOnlyList<double> first = (await sparklines.OfAsync([run]))[run.Id];
        Assert.Same(first, (await sparklines.OfAsync([run]))[run.Id]);
        // A new attempt goes on from update 2000: what came after it is superseded, and no longer among the run's steps.
        await app.Service<DatabaseWriter>().WriteAsync(db => db.StepRows.Where(row => row.RunId == run.Id && row.Step > 2000)
            .ExecuteDeleteAsync());
        (run.Attempt, run.AttemptFromStep, run.Step) = (2, 2000, 2000);
        IReadOnlyList<double> second = (await sparklines.OfAsync([run]))[run.Id];
        Assert.Equal(2000 / Sparklines.Stride(2000), second.Count);
        Assert.DoesNotContain(run.Id, (await sparklines.OfAsync([])).Keys);
    }

    [Theory]
    [InlineData(1, "next")]
    [InlineData(2, "2nd in the queue")]
    [InlineData(3, "3rd in the queue")]
    [InlineData(4, "4th in the queue")]
    [InlineData(11, "11th in the queue")]
    [InlineData(21, "21st in the queue")]
    [InlineData(112, "112th in the queue")]
    public void PlaceText_Place_IsAnOrdinal(int place, string text) => Assert.Equal(text, RunFigures.PlaceText(place));
}
