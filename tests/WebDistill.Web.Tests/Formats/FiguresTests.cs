using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Headless;
using WebDistill.Web.Reports;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Tests.Sweeps;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Formats;

/// <summary>How pages, terminal and files write numbers that are not finite, where they put them, and which of them is never the best.</summary>
public sealed class FiguresTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    public static TheoryData<string, Func<double, string>> Writers => new()
    {
        { nameof(Figures.Short), Figures.Short },
        { nameof(Figures.Loss), Figures.Loss },
        { nameof(Figures.Perplexity), Figures.Perplexity },
        { nameof(Figures.Decimal), Figures.Decimal },
        { nameof(Figures.Ratio), Figures.Ratio },
        { nameof(Figures.Percent), Figures.Percent },
        { nameof(Figures.Probability), Figures.Probability },
        { nameof(Figures.Scientific), Figures.Scientific },
        { nameof(Figures.Duration), Figures.Duration },
        { "bytes", value => Figures.Measured(value, "bytes") },
        { "parameters", value => Figures.Measured(value, "parameters") },
        { "tokens/s", value => Figures.Measured(value, "tokens/s") },
        { "half width", value => SweepMetric.GapToTeacher.WriteHalfWidth(value) },
    };

    [Theory]
    [MemberData(nameof(Writers))]
    public void Write_AnyNumber_IsNamedOrShort(string what, Func<double, string> write)
    {
        Assert.Contains("over 1e308", write(double.PositiveInfinity));
        Assert.Contains("not a number", write(double.NaN));
        Assert.Contains("under \u22121e308", write(double.NegativeInfinity));
        if (what != "bytes")
            Assert.All(new[] { 1e300, -1e300, 123456789.125 }, value => Assert.InRange(write(value).Length, 1, 16));
    }

    [Fact]
    public void Perplexity_ThatOverflowed_HasItsLossBesideIt()
    {
        Assert.Equal("over 1e308 (3000.1 nats/token)", Figures.Perplexity(Perplexity.OfNats(3000.06)));
        Assert.Equal("12.18", Figures.Perplexity(Perplexity.OfNats(2.5)));
        Assert.Equal("over 1e308 (1200.5 nats per word)", Figures.Measured(double.PositiveInfinity, "per word", 1200.5));
        Assert.Equal("12.00", Figures.Measured(12, "per word", Math.Log(12)));
    }

    [Fact]
    public void RunProgress_OfSuchARun_NamesThem()
    {
        var run = new Run
        {
            Name = "x", OptionsJson = "{}", Step = 5, TotalSteps = 10, TotalLoss = double.NaN, ValidationPerplexity = double.PositiveInfinity,
            ValidationNatsPerToken = 2994.07, TokensPerSecond = double.PositiveInfinity,
        };
        Assert.EndsWith("loss not a number nats/token  perplexity over 1e308 (2994.1 nats/token)  over 1e308 tok/s", RunProgress.Text(run));
    }

    /// <summary>Between two large numbers that are nearly the same, adding a step to a tick changed nothing, for ever.</summary>
    [Theory]
    [InlineData(1e16, 1e16 + 2)]
    [InlineData(1e20, 1.0000000000000002e20)]
    [InlineData(1e300, double.MaxValue)]
    [InlineData(double.MinValue, double.MaxValue)]
    [InlineData(0, double.Epsilon)]
    [InlineData(3, 3)]
    public void Ticks_BetweenAnyTwoNumbers_AreFewAndFinite(double low, double high)
    {
        var scale = new ChartScale([low, high], logarithmic: false);
        Assert.InRange(scale.RoundTicks().Count, 1, 12);
        Assert.All(scale.RoundTicks(), tick => Assert.InRange(scale.Place(tick), -1e-6, 1 + 1e-6));
        Assert.InRange(new ChartScale([1e-300, 1e300], logarithmic: true).Place(1), 0.49, 0.51);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ChartScale([1, double.NaN], logarithmic: false));
    }

    [Fact]
    public void Mean_OfValuesThatAreNotAllFinite_ClaimsNoWidth()
    {
        Assert.Equal(new SampleMean(2, double.PositiveInfinity, null, null), SampleMean.Of([3, double.PositiveInfinity]));
        Assert.Equal(new SampleMean(2, double.NaN, null, null), SampleMean.Of([3, double.NaN]));
        Assert.Equal(double.PositiveInfinity, SampleMean.Of([1e200, -1e200])!.HalfWidth);
    }

    [Fact]
    public async Task Sweep_WithPointsThatOverflowed_RanksThemLastAndNeverAsBest()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "Overflowing");
        SweepReport finite = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Run[] runs = [.. finite.Runs.Select(run => run.Run)];
        foreach (Run run in runs)
            run.Status = RunStatus.Completed;
        // T = 1: not a number, T = 4: too large, T = 8: 7 and 8.
        (runs[0].ValidationPerplexity, runs[2].ValidationPerplexity, runs[2].ValidationNatsPerToken) = (double.NaN, double.PositiveInfinity, 3000);
        var none = new Dictionary<Guid, MeasuredPair>();
        SweepReport report = SweepReport.Of(sweep, runs, none);
        Assert.Equal(["T = 8", "T = 4", "T = 1"], report.Groups.Select(group => group.Title));
        Assert.Equal("T = 8", report.Best!.Title);
        Assert.Contains("| 4 | over 1e308 (1501.2 nats/token) | – | 2 | |", SweepTable.Markdown(report));
        Assert.Contains(",Infinity,Infinity,5,", SweepTable.Csv(report));
        foreach (Run run in runs)
            run.ValidationPerplexity = double.PositiveInfinity;
        Assert.Null(SweepReport.Of(sweep, runs, none).Best);
    }

    [Fact]
    public void ReportRow_Ratios_AreThoseOfTheLossesWhereValuesOverflow()
    {
        var row = new ReportRow("Perplexity", "per BPE token", Better.Lower,
            [double.PositiveInfinity, double.PositiveInfinity, 10, double.NaN, null], [3000, 3001, Math.Log(10), double.NaN, null]);
        Assert.Equal(Math.E, row.Ratios[1]!.Value, 9);
        Assert.Equal((0, double.NaN, null), (row.Ratios[2], row.Ratios[3], row.Ratios[4]));
        Assert.Equal(10, row.Best());
        Assert.Null((row with { Values = [double.PositiveInfinity, double.NaN] }).Best());
        Assert.Equal(10, (row with { Better = Better.Higher, Values = [3, double.NaN, 10] }).Best());
    }

    [Fact]
    public void ReportChart_ValuesThatAreNotFinite_AreLeftOutAndNamed()
    {
        var chart = new ReportChart("Validation perplexity", "update", "per BPE token", ["1", "2", "3"],
            [new ReportLine("Student", "student", [double.PositiveInfinity, double.NaN, 3], [3000, double.NaN, Math.Log(3)])]);
        string svg = chart.ToSvg();
        Assert.Equal(1, svg.Split("<circle").Length - 1);
        Assert.DoesNotContain("NaN", svg);
        Assert.Equal("Not drawn: Student, update 1: over 1e308 (3000.0 nats per BPE token); "
            + "Student, update 2: not a number (not a number nats per BPE token).", chart.LeftOut);
        Assert.Null((chart with { Lines = [new ReportLine("Student", "student", [1, null, 3])] }).LeftOut);
    }

    [Theory]
    [InlineData(0.4, "5 s")]
    [InlineData(42, "40 s")]
    [InlineData(766, "13 min")]
    [InlineData(4920, "1 h 20 min")]
    [InlineData(25_000, "7 h")]
    [InlineData(275_000, "3 d 4 h")]
    public void Rough_AnEstimate_HasNoMoreDigitsThanItKnows(double seconds, string text) => Assert.Equal(text, Figures.Rough(seconds));

    [Fact]
    public void Rough_ARange_IsOneNumberWhereBothAreAlike() =>
        Assert.Equal(("8 min to 11 min", "8 min"), (Figures.Rough(480, 660), Figures.Rough(481, 484)));
}
