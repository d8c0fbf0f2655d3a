using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Formats;

/// <summary>The findings that Markdown passed HTML, links and pictures, and that a formula after a line break was not marked.</summary>
public sealed class TableTextTests
{
    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("+1+1", "'+1+1")]
    [InlineData("-1+1", "'-1+1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("＝1+1", "'＝1+1")]
    [InlineData("\t=1", "'\t=1")]
    [InlineData("\r=1", "\"'\r=1\"")]
    [InlineData("\r\n=1", "\"'\r\n=1\"")]
    [InlineData("\n\n  =1", "\"'\n\n  =1\"")]
    [InlineData(" =1", "' =1")]
    [InlineData("\u00A0=1", "'\u00A0=1")]
    [InlineData("\u200B=1", "'\u200B=1")]
    [InlineData("\0=1", "'\0=1")]
    [InlineData("\r1", "\"'\r1\"")]
    [InlineData("=HYPERLINK(\"http://evil.example\",\"x\")", "\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\"")]
    [InlineData("-1.5", "-1.5")]
    [InlineData("-1e-05", "-1e-05")]
    [InlineData("T = 4", "T = 4")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("", "")]
    public void CsvLine_CellThatWouldBeComputed_IsMarkedAsText(string cell, string expected)
    {
        Assert.Equal($"{expected}\r\n", TableText.CsvLine([cell]));
        Assert.Equal($"x,{expected}\r\n", TableText.CsvLine(["x", cell]));
    }

    [Theory]
    [InlineData("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>")]
    [InlineData("[x](javascript:alert(1))", @"\[x\](javascript:alert(1))")]
    [InlineData("![x](http://evil.example/p.png)", @"!\[x\](http\://evil.example/p.png)")]
    [InlineData("<javascript:alert(1)>", "&lt;javascript:alert(1)>")]
    [InlineData("https://evil.example www.evil.example", @"https\://evil.example www\.evil.example")]
    [InlineData("a|b\\|c", @"a\|b\\\|c")]
    [InlineData("&lt;b&gt;", "&amp;lt;b&amp;gt;")]
    [InlineData("`code` *b* _i_ ~s~ $x$ @name", @"\`code\` \*b\* \_i\_ \~s\~ \$x\$ \@name")]
    [InlineData("a\r\n# b\n\n<b>", "a # b  &lt;b>")]
    [InlineData("a\u2028b\u202Ec", @"a b\\u202Ec")]
    [InlineData("T = 4, ce + cos", "T = 4, ce + cos")]
    public void MarkdownCell_Markup_IsShownAsText(string cell, string expected) => Assert.Equal(expected, TableText.MarkdownCell(cell));
}
