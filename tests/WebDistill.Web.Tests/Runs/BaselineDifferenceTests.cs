using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

public sealed class BaselineDifferenceTests
{
    [Theory]
    [InlineData(4.0, 3.88, "+0.12 (+3.1\u202f%)")]
    [InlineData(3.5, 4.0, "\u22120.50 (\u221212.5\u202f%)")]
    [InlineData(1.6702, 1.6700, "+0.00020 (+0.0\u202f%)")]
    [InlineData(2.0, 2.0, "±0 (+0.0\u202f%)")]
    [InlineData(120.0, 100.0, "+20.00 (+20.0\u202f%)")]
    public void Comparable_IsSignedWithItsShare(double own, double other, string text)
    {
        BaselineDifference difference = BaselineDifference.Of(Run(own), Run(other))!;
        Assert.True(difference.IsComparable);
        Assert.Equal(text, difference.Text);
        Assert.StartsWith($"Against the baseline A run, {Figures.Perplexity(other)}", difference.Hint);
    }

    [Fact]
    public void OtherText_IsSaidAndNotShown()
    {
        BaselineDifference difference = BaselineDifference.Of(Run(4), Run(3, o => o with { Data = o.Data with { DatasetId = Guid.NewGuid().ToString() } }))!;
        Assert.Equal((false, "another text"), (difference.IsComparable, difference.Text));
        Assert.Contains("differ in “Data set”", difference.Hint);
        Assert.DoesNotContain("+", difference.Text);
        Assert.False(BaselineDifference.Of(Run(4), Run(3, o => o with { Schedule = o.Schedule with { ValidationMaxTokens = 777 } }))!.IsComparable);
        Assert.False(BaselineDifference.Of(Run(4), Run(3, o => o with { Data = o.Data with { ContextLength = 77 } }))!.IsComparable);
        Assert.True(BaselineDifference.Of(Run(4), Run(3, o => o with { Seed = 77, Optimiser = o.Optimiser with { LearningRate = 1e-3 } }))!.IsComparable);
    }

    [Fact]
    public void Nothing_WithoutABaselineOfItselfOrUnmeasured()
    {
        Run run = Run(4);
        Assert.Null(BaselineDifference.Of(run, null));
        Assert.Null(BaselineDifference.Of(run, run));
        Assert.Null(BaselineDifference.Of(run, Run(null)));
        Assert.Null(BaselineDifference.Of(Run(null), run));
    }

    [Fact]
    public void Overflowed_IsComparedByItsMeanLoss()
    {
        Run run = Run(double.PositiveInfinity), other = Run(double.PositiveInfinity);
        (run.ValidationNatsPerToken, other.ValidationNatsPerToken) = (800.0, 800.0 + Math.Log(2));
        Assert.Equal("\u221250.0\u202f%", BaselineDifference.Of(run, other)!.Text);
    }

    [Fact]
    public void Accuracies_AreComparedInPoints_AndNeverWithAPerplexity()
    {
        Run run = Sorting(0.9325), other = Sorting(0.94);
        Assert.Equal((true, "\u22120.75 points"), (BaselineDifference.Of(run, other)!.IsComparable, BaselineDifference.Of(run, other)!.Text));
        Assert.EndsWith("94.00\u202f%; higher is better.", BaselineDifference.Of(run, other)!.Hint);
        Assert.Equal((false, "another task"), (BaselineDifference.Of(run, Run(4))!.IsComparable, BaselineDifference.Of(Run(4), run)!.Text));
        Assert.Equal("other examples", BaselineDifference.Of(run, Sorting(0.9, o => o with { Data = o.Data with { ContextLength = 77 } }))!.Text);
        Assert.True(BaselineDifference.Of(run, Sorting(0.9, o => o with { Data = o.Data with { SequenceMode = SequenceMode.HuggingFace } }))!.IsComparable);
    }

    private static Run Sorting(double accuracy, Func<RunOptions, RunOptions>? change = null)
    {
        Run run = Run(null, change);
        (run.ValidationAccuracy, run.ValidationOfClassesJson) = (accuracy, JsonSerializer.Serialize(new Dictionary<string, double>
        {
            ["validationAccuracy"] = accuracy, ["validationMacroF1"] = 0.9, ["validationMatthews"] = 0.8, ["validationNatsPerText"] = 0.25,
        }));
        return run;
    }

    private static Run Run(double? perplexity, Func<RunOptions, RunOptions>? change = null)
    {
        var options = new RunOptions { Name = "A run" };
        return new Run
        {
            Id = Guid.CreateVersion7(), Name = "A run", OptionsJson = JsonSerializer.Serialize(change?.Invoke(options) ?? options, WebJson.Options),
            ValidationPerplexity = perplexity, ValidationNatsPerToken = perplexity is double p ? Math.Log(p) : null,
        };
    }
}
