using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Runs;

namespace WebDistill.Web.Tests.Compare;

/// <summary>What decides between runs of each task, and how a file says it.</summary>
public sealed class RunVerdictTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("best")]
    [InlineData("gap")]
    public void Of_AClassifierAndALanguageModel_ComparesNothingInEitherOrder(string? measure)
    {
        Run sorts = Sorting(0.9, seed: 1), writes = Stored(new RunOptions { Name = "GPT" });
        writes.ValidationPerplexity = 47;
        VerdictFile file = FileOf(measure, sorts, writes), turned = FileOf(measure, writes, sorts);
        Assert.Equal("These runs cannot be compared with each other: some are measured by an accuracy and the others by a perplexity, and these two are never compared.", file.Sentence);
        Assert.Equal(("INCONCLUSIVE", null), (file.Word, file.HigherIsBetter));
        Assert.Empty(file.Arms);
        foreach (string format in VerdictFile.Formats.Select(known => known.Name))
        {
            Assert.Equal(file.Write(format), turned.Write(format));
            Assert.DoesNotContain("is better", file.Write(format).Replace(file.Rule, "", StringComparison.Ordinal));
            Assert.DoesNotContain("47", file.Write(format).Replace(file.Rule, "", StringComparison.Ordinal));
        }
        Assert.DoesNotContain("| Mean |", file.Write("md"));
    }

    [Fact]
    public void Write_OfAccuracies_HasPercentAndPointsAsThePageDoes()
    {
        Run[] runs = [Sorting(0.96, 1, 1e-2), Sorting(0.966666, 2, 1e-2), Sorting(0.71, 1, 1e-3), Sorting(0.71, 2, 1e-3)];
        VerdictFile file = FileOf(null, runs);
        Assert.Equal((0.963333, true), (Math.Round(file.Arms[0].Mean!.Value, 6), file.HigherIsBetter));
        foreach (string format in (string[])["md", "html"])
        {
            string text = System.Net.WebUtility.HtmlDecode(file.Write(format));
            Assert.Contains("96.33\u202f%", text);
            Assert.Contains("\u221225.33 points", text);
            Assert.DoesNotContain("0.963", text);
            Assert.DoesNotContain("0.253", text);
        }
    }

    [Theory]
    [InlineData(null, "latest")]
    [InlineData("best", "best")]
    [InlineData("lowest", "best")]
    [InlineData("loss", "loss")]
    [InlineData("highest", null)]
    public void NameOf_OfTodayOrEarlier_IsOneThatIsOffered(string? asked, string? expected)
    {
        Assert.Equal(expected, RunVerdict.NameOf(asked));
        RunComparison comparison = Compare([Sorting(0.9, 1)]);
        Assert.Equal(RunVerdict.Measures.Select(known => known.Name), RunVerdict.MeasuresOf(comparison).Select(known => known.Name));
        if (expected == "best")
            Assert.Equal("Highest validation accuracy", RunVerdict.Measure(comparison, asked).Title);
    }

    private static VerdictFile FileOf(string? measure, params Run[] runs)
    {
        RunComparison comparison = Compare(runs);
        IReadOnlyList<ComparedArm> arms = ComparedArm.Of(comparison);
        return VerdictFile.Of(RunVerdict.Of(comparison, arms, measure, null), ComparedArm.Between(comparison, arms)) with { CreatedAt = default };
    }

    private static RunComparison Compare(IReadOnlyList<Run> runs) =>
        RunComparison.Of([.. runs.Select((run, slot) => new ComparedRun(run, slot, null, null))], [], new OptionTexts(new Dictionary<Guid, string>()));

    private static Run Sorting(double accuracy, int seed, double rate = 1e-2)
    {
        Run run = Stored(LabelledData.Labels(Guid.Empty) with { Seed = seed, Optimiser = new() { LearningRate = rate } });
        run.ValidationAccuracy = accuracy;
        run.ValidationOfClassesJson = JsonSerializer.Serialize(new Dictionary<string, double>
        {
            ["validationAccuracy"] = accuracy, ["validationMacroF1"] = 0.9, ["validationMatthews"] = 0.8, ["validationNatsPerText"] = 0.25,
        }, WebJson.Measured);
        return run;
    }

    private static Run Stored(RunOptions options) => new()
    {
        Id = Guid.CreateVersion7(), Name = options.Name, Status = RunStatus.Completed, OptionsJson = JsonSerializer.Serialize(options, WebJson.Options),
    };
}
