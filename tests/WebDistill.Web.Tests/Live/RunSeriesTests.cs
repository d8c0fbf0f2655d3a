using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;

namespace WebDistill.Web.Tests.Live;

public sealed class RunSeriesTests
{
    private static readonly StepSeries s_taste = new() { Name = "taste", Title = "Taste", Unit = "stars", Chart = "taste" };

    [Fact]
    public void Begin_ALaterAttemptReportsOtherNumbers_StoredOnesKeepTheirPlacesAndNewOnesFollow()
    {
        StepSeries renamed = s_taste with { Title = "Flavour" }, other = new() { Name = "other", Title = "Other" };
        string first = RunSeries.Begin(null, [LoopSeries.TotalLoss, other, s_taste]);
        string second = RunSeries.Begin(first, [LoopSeries.TotalLoss, LoopSeries.GradientNorm, renamed]);
        Assert.Equal([LoopSeries.TotalLoss, other, renamed, LoopSeries.GradientNorm], RunSeries.Of(RunWith(), second).All);

        // A row of the first attempt, which lacks what came later, and one of the second.
        StepRow before = RunSeries.Of(RunWith(), first).Row(Report(1, ("other", 1), ("taste", 2)), Guid.Empty, 1);
        StepRow after = RunSeries.Of(RunWith(), second).Row(Report(2, ("taste", 3), ("gradientNorm", 4)), Guid.Empty, 2);
        Assert.Equal(Report(1, ("other", 1), ("taste", 2)), RunSeries.Of(RunWith(), second).Report(before, []));
        Assert.Equal(Report(2, ("taste", 3), ("gradientNorm", 4)), RunSeries.Of(RunWith(), second).Report(after, []));
    }

    /// <summary>Pages show the charts of a run that waits.</summary>
    [Theory]
    [InlineData(RunKind.Distillation, "ce clm cos")]
    [InlineData(RunKind.Training, "clm")]
    public void Of_ARunThatHasNotBegun_IsWhatItsOptionsPromise(RunKind kind, string losses)
    {
        RunSeries series = RunSeries.Of(RunWith(kind), null);
        Assert.Equal(losses.Split(' ').Prepend("totalLoss"), series.All.Where(one => one.Chart == StepSeries.LossChart).Select(one => one.Name));
        Assert.Equal(["validationPerplexity", "validationNatsPerToken"], series.Measured.Select(one => one.Name));
    }

    [Fact]
    public void Report_PerplexityOfAnEarlyVersion_HasItsLossAsWell()
    {
        RunSeries series = RunSeries.Of(RunWith(), null);
        StepRow row = series.Row(Report(1, ("clm", 2)), Guid.Empty, 1);
        StepReport report = series.Report(row, [new Measurement { Name = "validationPerplexity", Step = 1, Value = 8 }]);
        Assert.Equal((2, 8, Math.Log(8)), (report["clm"], report["validationPerplexity"], report["validationNatsPerToken"]));
    }

    /// <summary>A name is the key of values, columns and colours: two series of one name would be one.</summary>
    [Fact]
    public void Catalogue_EverySeriesOfTheLoop_HasANameOfItsOwn()
    {
        IReadOnlyList<StepSeries> all = LoopSeries.Of(new RunOptions { Objective = Terms.Of(mse: 1) }, hasTeacher: true);
        Assert.Equal(all.Count, all.Select(series => series.Name).Append("step").Append("epoch").Append("tokensSeen").Distinct().Count() - 3);
        Assert.All(all.Where(series => series.ExponentialOf is not null), series => Assert.Contains(all, other => other.Name == series.ExponentialOf));
        IEnumerable<StepSeries> losses = all.Where(series => series.Chart == StepSeries.LossChart);
        Assert.Equal(losses.Count(), losses.Select(series => series.Colour).Distinct().Count());
    }

    private static StepReport Report(int step, params (string Name, double Value)[] values) =>
        new(step, 0.5, 10, 1.5, values.ToDictionary(value => value.Name, value => value.Value));

    private static Run RunWith(RunKind kind = RunKind.Training) => new()
    {
        Name = "run", Kind = kind, OptionsJson = JsonSerializer.Serialize(new RunOptions(), WebJson.Options),
    };
}
