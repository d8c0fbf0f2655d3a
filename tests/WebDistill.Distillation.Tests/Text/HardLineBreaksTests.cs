using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed class HardLineBreaksTests
{
    private static readonly string s_full = new('x', 70);

    [Theory]
    [InlineData("one\ntwo\n\nthree", "one two\n\nthree")]
    [InlineData("one  \ntwo", "one two")]
    [InlineData("one\n  indented\nnext", "one\n  indented next")]
    [InlineData("one\r\ntwo\r\n\r\nthree\r\n", "one two\n\nthree\n")]
    [InlineData("", "")]
    [InlineData("\n\n", "\n\n")]
    [InlineData("one", "one")]
    public void Unwrap_JoinsTheLinesOfAParagraphOnly(string text, string expected) => Assert.Equal(expected, HardLineBreaks.Unwrap(text));

    [Fact]
    public void LooksWrapped_OnlyWhereLinesAreFull()
    {
        Assert.True(HardLineBreaks.LooksWrapped([string.Join('\n', Enumerable.Repeat(s_full, 10))]));
        Assert.False(HardLineBreaks.LooksWrapped([string.Join('\n', Enumerable.Repeat("a short verse", 40))]));
        Assert.False(HardLineBreaks.LooksWrapped([string.Join('\n', Enumerable.Repeat(s_full, 3))]));
        Assert.False(HardLineBreaks.LooksWrapped(Enumerable.Repeat(s_full, 100)));
    }
}
