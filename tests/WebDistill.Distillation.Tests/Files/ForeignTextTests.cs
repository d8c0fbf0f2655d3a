using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests.Files;

public sealed class ForeignTextTests
{
    [Theory]
    [InlineData(null, "")]
    [InlineData("plain, Größe 大 👩‍💻", "plain, Größe 大 👩‍💻")]
    [InlineData("a\0b\r\nc\u202Ed", @"a\u0000b\u000D\u000Ac\u202Ed")]
    [InlineData("a\u200Bb\U000E0041", @"a\u200Bb\U000E0041")]
    public void Quote_WhatIsNotSeen_IsWrittenAsItsCode(string? text, string expected) => Assert.Equal(expected, ForeignText.Quote(text));

    // Not a theory's: an attribute cannot hold half of a surrogate pair.
    [Fact]
    public void Quote_HalfOfASurrogatePair_IsWrittenAsItsCode() => Assert.Equal(@"a\uD83D", ForeignText.Quote("a\ud83d"));

    [Fact]
    public void Quote_LongTexts_AreCutAndSayTheirLength()
    {
        foreach (string text in new[] { new string('x', 50_000_000), string.Concat(Enumerable.Repeat("👩", 1000)), new string('\0', 1000) })
        {
            string quoted = ForeignText.Quote(text);
            Assert.InRange(quoted.Length, 100, ForeignText.MaxQuotedCharacters + 40);
            Assert.EndsWith($"… ({text.Length} characters)", quoted);
            Assert.Null(ForeignText.FirstUnprintable(quoted));
        }
        Assert.Equal(new string('x', 200), ForeignText.Quote(new string('x', 200)));
        Assert.Equal(new string('x', 5000), ForeignText.Visible(new string('x', 5000)));
    }
}
