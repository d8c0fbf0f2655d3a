using WebDistill.Web.Compare;

namespace WebDistill.Web.Tests.Compare;

public sealed class RunComparisonTests
{
    [Theory]
    [InlineData("Does it help?: variant = all terms, seed 1|Does it help?: variant = all terms, seed 12", "…1|…12")]
    [InlineData("Does it help?: T = 8, seed 1|Does it help?: T = 4, seed 1|Does it help?: T = 4, seed 2", "…8, seed 1|…4, seed 1|…4, seed 2")]
    [InlineData("Story student of today|Story student of today, 2 epochs", "…today|…today, 2 epochs")]
    [InlineData("Short one|Short two", "Short one|Short two")]
    [InlineData("Nothing in common here|Entirely different words", "Nothing in common here|Entirely different words")]
    [InlineData("Indistinguishablewords1|Indistinguishablewords2", "Indistinguishablewords1|Indistinguishablewords2")]
    [InlineData("The very same name of a run|The very same name of a run", "The very same name of a run|The very same name of a run")]
    [InlineData("A run all alone in its comparison", "A run all alone in its comparison")]
    [InlineData("", "")]
    public void Labels_OfNames_LeaveOutTheWordsThatAllBeginWith(string names, string expected) =>
        Assert.Equal(expected.Split('|'), RunComparison.Labels(names.Split('|')));
}
