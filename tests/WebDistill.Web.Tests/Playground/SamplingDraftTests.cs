using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Playground;

namespace WebDistill.Web.Tests.Playground;

public sealed class SamplingDraftTests
{
    [Theory]
    [InlineData("", new string[0])]
    [InlineData("\n\n", new string[0])]
    [InlineData(". ", new[] { ". " })]
    [InlineData("END\r\n\\n\\n", new[] { "END", "\n\n" })]
    [InlineData("a\\\\n\n\\t", new[] { "a\\n", "\t" })]
    public void Read_StopStrings_OnePerLineWithEscapes(string text, string[] expected)
    {
        var draft = new SamplingDraft { ["stopStrings"] = text };
        GenerationOptions options = draft.Read(out IReadOnlyList<OptionProblem> problems);
        Assert.Empty(problems);
        Assert.Equal(expected, options.StopStrings);
    }

    [Theory]
    [InlineData("stopStrings", "a\\x", "lone backslash")]
    [InlineData("stopStrings", "a\nb\nc\nd\ne", "at most 4")]
    [InlineData("repetitionPenalty", "0", "0.1 to 10")]
    public void Read_BadAdvancedOption_IsRefused(string field, string text, string message)
    {
        // Greedy leaves them in force.
        var draft = new SamplingDraft { Greedy = true, [field] = text };
        draft.Read(out IReadOnlyList<OptionProblem> problems);
        OptionProblem problem = Assert.Single(problems);
        Assert.Equal(field, problem.Field);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void Take_TextsOfAnother_GiveTheSameOptions()
    {
        var draft = new SamplingDraft { ["repetitionPenalty"] = "1.2", ["stopStrings"] = "END", ["seed"] = "9" };
        var other = new SamplingDraft { Greedy = true };
        other.Take(draft.Texts);
        Assert.Equal(draft.Texts, other.Texts);
    }

    [Fact]
    public void Take_EveryPreset_IsFollowedAndCanBeGeneratedWith()
    {
        Assert.Equal("Balanced", Assert.Single(SamplingPreset.All, new SamplingDraft().Follows).Name);
        foreach (SamplingPreset preset in SamplingPreset.All)
        {
            var draft = new SamplingDraft { ["maxNewTokens"] = "7", ["seed"] = "9" };
            draft.Take(preset.Texts);
            Assert.Equal(preset, Assert.Single(SamplingPreset.All, draft.Follows));
            Assert.Equal((7, preset.Name == "Greedy"), (draft.Read(out IReadOnlyList<OptionProblem> problems).MaxNewTokens, draft.Greedy));
            Assert.Empty(problems);
            Assert.Equal("9", draft["seed"]);
        }
    }
}
