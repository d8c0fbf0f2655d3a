using WebDistill.Web.Compare;

namespace WebDistill.Web.Tests.Compare;

public sealed class SampleMeanTests
{
    // Two-sided 95 %, as any table of Student's distribution prints them.
    [Theory]
    [InlineData(1, 12.7062)]
    [InlineData(2, 4.3027)]
    [InlineData(3, 3.1824)]
    [InlineData(4, 2.7764)]
    [InlineData(5, 2.5706)]
    [InlineData(10, 2.2281)]
    [InlineData(29, 2.0452)]
    [InlineData(120, 1.9799)]
    public void Quantile_DegreesOfFreedom_IsTheTables(int degreesOfFreedom, double expected) =>
        Assert.Equal(expected, SampleMean.TwoSidedQuantile(degreesOfFreedom), 4);

    [Fact]
    public void Of_ThreeValues_IsTheIntervalByHand()
    {
        // Mean 12, s = √((4 + 0 + 4) / 2) = 2, half width 4.30265 · 2 / √3 = 4.96828.
        SampleMean mean = SampleMean.Of([10, 12, 14])!;
        Assert.Equal((3, 12), (mean.Count, mean.Mean));
        Assert.Equal(2, mean.StandardDeviation!.Value, 12);
        Assert.Equal(4.96828, mean.HalfWidth!.Value, 4);
    }

    [Fact]
    public void Of_OneValue_ClaimsNothing()
    {
        Assert.Equal(new SampleMean(1, 7, null, null), SampleMean.Of([7]));
        Assert.Null(SampleMean.Of([]));
    }

    [Fact]
    public void Of_EqualValues_HaveNoWidth() => Assert.Equal(new SampleMean(2, 3, 0, 0), SampleMean.Of([3, 3]));
}
