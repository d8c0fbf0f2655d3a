using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;
using MudBlazor;
using WebDistill.Distillation.Options;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Ui;

/// <summary>What forms are made of, drawn alone.</summary>
public sealed class FormComponentTests : ComponentTests
{
    [Fact]
    public async Task PickInput_Opened_OffersGroupsSaysHowManyAndTellsWhatIsChosen()
    {
        List<string> asked = [];
        string? chosen = null;
        Task<Offer> Find(string words)
        {
            asked.Add(words);
            return Task.FromResult(new Offer([new OfferGroup("This text's vocabulary", [("1", "One")]), new OfferGroup("Other vocabulary", [("2", "Two")])], 10_000) { Remark = "3 are left out." });
        }
        IRenderedComponent<MudPopoverProvider> popovers = Page.Render<MudPopoverProvider>();
        IRenderedComponent<PickInput> pick = Page.Render<PickInput>(parameters => parameters.Add(p => p.Id, "teacher").Add(p => p.Label, "Teacher").Add(p => p.Value, "1")
            .Add(p => p.ValueLabel, "One").Add(p => p.Nothing, "None").Add(p => p.Search, Find).Add(p => p.OnChoose, value => chosen = value));
        Assert.Equal("One", pick.Find("input#teacher").GetAttribute("value"));
        await pick.Find("input#teacher").FocusAsync(new());
        popovers.WaitForAssertion(() => Assert.Contains("The newest 2 of 10\u202f000: type to find others.", popovers.Markup));
        // What is chosen is no word to search for.
        Assert.Equal([""], asked);
        Assert.Equal(["None", "This text's vocabulary", "One", "Other vocabulary", "Two"], popovers.FindAll(".mud-list-item").Select(item => item.TextContent.Trim()));
        Assert.Contains("3 are left out.", popovers.Markup);
        await popovers.FindAll(".mud-list-item")[^1].ClickAsync(new());
        Assert.Equal("2", chosen);
    }

    [Fact]
    public async Task OptionInput_TypedAndReset_MarksTheDifferenceAndCountsOneInTheSingular()
    {
        RunDraft draft = RunDraft.Of(new RunOptions()), basis = RunDraft.Of(new RunOptions());
        draft["schedule.gradientAccumulation"] = "4";
        var form = new RunForm(draft, basis, "Preset", () => { });
        IRenderedComponent<CascadingValue<RunForm>> drawn = Page.Render<CascadingValue<RunForm>>(parameters => parameters.Add(p => p.Value, form)
            .AddChildContent<OptionInput>(option => option.Add(p => p.Name, "schedule.gradientAccumulation")));
        Assert.NotNull(drawn.Find(".field.changed"));
        Assert.Contains("batches", drawn.Markup);
        await drawn.Find(".reset").ClickAsync(new());
        Assert.Equal("1", draft["schedule.gradientAccumulation"]);
        Assert.Empty(drawn.FindAll(".field.changed"));
        Assert.DoesNotContain("batches", drawn.Find(".mud-input-adornment").TextContent);
        await drawn.Find("input").InputAsync(new ChangeEventArgs { Value = "many" });
        Assert.Equal("many", draft["schedule.gradientAccumulation"]);
        form.Problems = [new OptionProblem("schedule.gradientAccumulation", "“many” is not a whole number.")];
        drawn.FindComponent<OptionInput>().Render(parameters => parameters.Add(p => p.Name, "schedule.gradientAccumulation"));
        Assert.Contains("“many” is not a whole number.", drawn.Find("[role=alert]").TextContent);
    }

    [Fact]
    public async Task BrowserDraft_KeptAndForgotten_IsWhatWasTypedLast()
    {
        JSRuntimeInvocationHandler remembered = Page.JSInterop.SetupVoid("webdistill.remember", _ => true).SetVoidResult();
        var draft = new BrowserDraft<string>(Page.JSInterop.JSRuntime, "run", CancellationToken.None);
        string typed = "first";
        Task earlier = draft.KeepAsync(() => typed);
        typed = "last";
        await draft.KeepAsync(() => typed);
        await earlier;
        Assert.Equal(["draft.run", "last"], Assert.Single(remembered.Invocations).Arguments);
        await draft.ForgetAsync();
        Assert.Equal(["draft.run", null], remembered.Invocations.Last().Arguments);
    }
}
