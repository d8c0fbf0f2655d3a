using Bunit;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Runs;

public sealed class OptionsTabTests : ComponentTests
{
    private static readonly OptionField s_field = LossCatalogue.RunSchema.Settings.First(field => field.Path == "optimiser.learningRate");

    [Fact]
    public void OneBasis_IsSaidAndNotOffered()
    {
        IRenderedComponent<OptionsTab> tab = Page.Render<OptionsTab>(options => options.Add(t => t.Bases, [Basis("Preset", "the preset “Distil”", differs: false)]));
        Assert.Contains("as the preset “Distil”", tab.Markup);
        Assert.Empty(tab.FindAll("[data-select]"));
    }

    [Fact]
    public void Baseline_ComesFirstAndStaysChosenWhileItIsThere()
    {
        OptionBasis baseline = Basis("Baseline", "the baseline A", differs: true), preset = Basis("Preset", "the preset “Distil”", differs: false);
        IRenderedComponent<OptionsTab> tab = Page.Render<OptionsTab>(options => options.Add(t => t.Bases, [baseline, preset]));
        Assert.Contains("1 differs from the baseline A", tab.Markup);
        Assert.Contains("not 1e-3", tab.Find(".was").TextContent);
        Assert.NotEmpty(tab.FindAll("[data-select=option-basis]"));
        // Unpinned: what is left is compared with.
        tab.Render(options => options.Add(t => t.Bases, [preset]));
        Assert.Contains("as the preset “Distil”", tab.Markup);
        Assert.Empty(tab.FindAll(".was"));
    }

    private static OptionBasis Basis(string title, string name, bool differs) => new(title, name, [new UsedOption(s_field, "Optimisation", "5e-4 peak", false, differs, "1e-3")]);
}
