using WebDistill.Distillation.Losses;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SpreadTests
{
    [Theory]
    [InlineData("objective.ce.temperature", "1..20 log 5", "1, 2.115, 4.472, 9.457, 20")]
    [InlineData("objective.ce.temperature", "0..1 5", "0, 0.25, 0.5, 0.75, 1")]
    [InlineData("optimiser.learningRate", "1e-4..1e-2 log 3", "1e-4, 0.001, 0.01")]
    [InlineData("schedule.epochs", "1..4", "1, 2, 3, 4")]
    [InlineData("schedule.epochs", "1..20 log 4", "1, 3, 7, 20")]
    [InlineData("seed", "1..3 3", "1, 2, 3")]
    public void Read_ARange_AreItsNumbers(string option, string text, string expected) =>
        Assert.Equal(expected, string.Join(", ", Spread.Read(LossCatalogue.RunSchema.Find(option), text)));

    [Theory]
    [InlineData("1..20 log", "does not say how many")]
    [InlineData("20..1 5", "The first must be the smaller number")]
    [InlineData("0..1 log 5", "a ratio needs more than 0")]
    [InlineData("1..2 999", "expected 2 to 50")]
    [InlineData("1..2 1", "expected 2 to 50")]
    [InlineData("1..hot 5", "“hot” is not a number")]
    [InlineData("1..2 lin 5", "is no range. Write it like 1..20 log 5")]
    public void Read_WhatIsNone_SaysHowToWriteOne(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => Spread.Read(LossCatalogue.RunSchema.Find("objective.ce.temperature"), text)).Message);

    [Fact]
    public void Dimension_TypedValuesAndARange_AreTakenAndWhatCannotBeReadStaysAndIsSaid()
    {
        var dimension = new SweepDimensionDraft { Name = "T", Option = "objective.ce.temperature" };
        dimension.Add("1, 2");
        dimension.Add("4..16 log 3");
        Assert.Equal(["1", "2", "4", "8", "16"], dimension.Read().Values.Select(value => value.Label));
        dimension.Add("5..1 3");
        Assert.Equal("5..1 3", dimension.Values[^1]);
        Assert.Contains("The first must be the smaller number", Assert.Throws<FormatException>(dimension.Read).Message);
    }
}
