using WebDistill.Distillation.Generation;

namespace WebDistill.Distillation.Tests.Generation;

public sealed class StopStringSearchTests
{
    [Theory]
    [InlineData("one. two", "one", ".")]
    [InlineData("a\n\nb", "a", "\n\n")]
    [InlineData("aab", "", "aa")]
    [InlineData("xaaab", "xa", "aab")]
    [InlineData("abc def", "ab", "def", "c ")]
    [InlineData("no such", "no such", "END")]
    [InlineData("it ends in EN", "it ends in EN", "END")]
    public void Add_AnyPieces_KeepsWhatStandsBeforeTheFirstStopString(string text, string kept, params string[] stops)
    {
        for (int size = 1; size <= text.Length; size++)
        {
            var search = new StopStringSearch(stops);
            string shown = "";
            foreach (char[] piece in text.Chunk(size))
            {
                shown += search.Add(new string(piece));
                // Nothing that was shown is ever taken back.
                Assert.StartsWith(shown, kept);
                if (search.IsFound)
                    break;
            }
            Assert.Equal(kept != text, search.IsFound);
            Assert.Equal(kept, shown + search.Flush());
        }
    }

    [Fact]
    public void Add_BeginningOfAStopString_IsHeldBackUntilItIsRefuted()
    {
        var search = new StopStringSearch(["END"]);
        Assert.Equal("x", search.Add("xEN"));
        Assert.Equal("EN", search.Add("EN"));
        Assert.Equal("", search.Add("D"));
        Assert.True(search.IsFound);
    }
}
