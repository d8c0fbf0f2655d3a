using AngleSharp.Dom;
using Bunit;
using WebDistill.Distillation.Losses;
using WebDistill.Web.Glossary;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Ui;

public sealed class GlossaryTests : ComponentTests
{
    [Fact]
    public void Catalogue_NamesEachWordOnce()
    {
        Assert.Equal(GlossaryTerm.All.Select(term => term.Id).Distinct(), GlossaryTerm.All.Select(term => term.Id));
        Assert.Equal(GlossaryTerm.All.Select(term => term.Name).Distinct(), GlossaryTerm.All.Select(term => term.Name));
        Assert.All(GlossaryTerm.All, term => Assert.EndsWith(".", term.Meaning));
        Assert.Contains("it has distillation,", Assert.Throws<ArgumentException>(() => GlossaryTerm.Find("nonsense")).Message);
    }

    [Fact]
    public void Page_Filtered_ShowsWhatHoldsTheWordAndSaysHowMuch()
    {
        IRenderedComponent<GlossaryPage> page = Page.Render<GlossaryPage>();
        Assert.Equal(GlossaryTerm.All.Count + LossCatalogue.All.Count + LossCatalogue.RunSchema.Fields.Count, page.FindAll("dt").Count);
        page.Find("input[type=search]").Input("perplexity");
        Assert.NotNull(page.Find("#perplexity"));
        Assert.All(page.FindAll(".words > div"), word => Assert.Contains("perplexity", word.TextContent, StringComparison.OrdinalIgnoreCase));
        page.Find("input[type=search]").Input("zzz");
        Assert.Empty(page.FindAll("dt"));
        page.FindAll("button").Single(button => button.TextContent.Contains("Show all", StringComparison.Ordinal)).Click();
        Assert.NotEmpty(page.FindAll("dt"));
    }

    [Fact]
    public void Figure_WithALabelOfTheGlossary_LeadsThere()
    {
        IRenderedComponent<HeadFigures> figures = Page.Render<HeadFigures>(set => set.Add(head => head.Figures, [new("Validation perplexity", "1.67"), new("Throughput", "1 k")]));
        IElement link = figures.Find("a.term");
        Assert.Equal("/glossary#validation-perplexity", link.GetAttribute("href"));
        Assert.Equal("Validation perplexity", link.TextContent);
    }
}
