using Bunit;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Compare;

/// <summary>The card that shows a verdict, without a browser.</summary>
public sealed class VerdictCardTests : ComponentTests
{
    private static readonly VerdictMeasure s_measure = new("Validation perplexity, first 8 192 tokens, no overlap", "How it was measured", Figures.Perplexity, size => Figures.Significant(size, 2));

    [Fact]
    public void Card_Beats_ShowsTheWordTheSentenceAndEveryArm()
    {
        VerdictArm text = Arm("Text alone", 2.00, 2.10, 2.20), distilled = Arm("Distilled", 1.90, 1.99, 2.11);
        IRenderedComponent<VerdictCard> card = Page.Render<VerdictCard>(with => with.Add(one => one.Verdict, Verdict.Of(s_measure, [text, distilled], text)));
        Assert.Equal("BEATS", card.Find("[data-figure=verdict]").TextContent);
        Assert.Contains("Distilled is better than Text alone by 0.10", card.Find("[data-figure=verdict-sentence]").TextContent);
        Assert.Equal("How it was measured", card.Find(".measure-name").GetAttribute("title"));
        Assert.Equal(["Distilled", "Text alone"], card.FindAll("tbody .name").Select(name => name.TextContent));
        Assert.Equal("baseline", card.Find("tr.reference .badge").TextContent);
        Assert.Equal("\u22120.10 ±\u00a00.025", card.FindAll("tbody tr")[0].Children[4].TextContent.Trim());
        // The interval stands on the better side of the line at 0: the scale reaches from -0.125 to 0.125.
        string[] ends = card.Find(".forest .interval").GetAttribute("d")!.Replace(" 8H", "M", StringComparison.Ordinal).Split('M', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, double.Parse(ends[0], System.Globalization.CultureInfo.InvariantCulture), 1);
        Assert.InRange(double.Parse(ends[1], System.Globalization.CultureInfo.InvariantCulture), 2, 49);
    }

    [Fact]
    public void Card_Obstacle_ShowsNoDifference()
    {
        IRenderedComponent<VerdictCard> card = Page.Render<VerdictCard>(with => with.Add(one => one.Verdict,
            Verdict.Of(s_measure, [Arm("A", 1, 2), Arm("B", 3, 4)], null, "The runs read different texts.")));
        Assert.Equal(("INCONCLUSIVE", "The runs read different texts."), (card.Find("[data-figure=verdict]").TextContent, card.Find("[data-figure=verdict-sentence]").TextContent));
        Assert.Empty(card.FindAll(".verdict-mark, .forest, .reference"));
    }

    [Fact]
    public void Card_ValuesWithoutACommonScale_HasNeitherDirectionNorMeans()
    {
        IRenderedComponent<VerdictCard> card = Page.Render<VerdictCard>(with => with.Add(one => one.Verdict,
            Verdict.Of(s_measure with { HigherIsBetter = null }, [Arm("A", 0.9), Arm("B", 47)], null, "These two are never compared.")));
        Assert.Equal("These two are never compared.", card.Find("[data-figure=verdict-sentence]").TextContent);
        Assert.Empty(card.FindAll(".measure-name, table"));
        Assert.DoesNotContain("is better", card.Find(".verdict").TextContent);
    }

    [Fact]
    public void Card_RunsThatAreNotComplete_AreCountedApart()
    {
        VerdictArm waits = new("Waits", [new VerdictValue(Guid.NewGuid(), "1", 2)], Waiting: 2);
        IRenderedComponent<VerdictCard> card = Page.Render<VerdictCard>(with => with.Add(one => one.Verdict, Verdict.Of(s_measure, [waits, Arm("Done", 1, 1.5)])));
        Assert.Contains("2 runs are not complete", card.Find("tbody .unit[title]").GetAttribute("title"));
    }

    private static VerdictArm Arm(string title, params double[] values) =>
        new(title, [.. values.Select((value, seed) => new VerdictValue(Guid.NewGuid(), $"{seed}", value))]);
}
