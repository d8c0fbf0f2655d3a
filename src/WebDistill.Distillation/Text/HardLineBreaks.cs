using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Line ends that stand where a line of a printed page was full, and mean nothing.</summary>
public static class HardLineBreaks
{
    // A paragraph of a few lines proves nothing, and neither do verses or lists, whose lines are shorter.
    private const int FewestBreaks = 8, ShortestLine = 50, LongestLine = 100;
    private const double UsualShare = 0.7;

    /// <summary>
    /// Joins the lines of each paragraph by a space; white space at the ends of lines goes. A blank line stays, and so does the end of a line
    /// before one that is indented: a new paragraph, a verse or a line of code.
    /// </summary>
    public static string Unwrap(string text)
    {
        var unwrapped = new StringBuilder(text.Length);
        ReadOnlySpan<char> before = default;
        bool isFirst = true;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (!isFirst)
                unwrapped.Append(Joins(before, line) ? ' ' : '\n');
            unwrapped.Append(line.TrimEnd());
            before = line;
            isFirst = false;
        }
        return unwrapped.ToString();
    }

    /// <summary>Whether most lines of the paragraphs of <paramref name="documents"/> end about where a page's line is full.</summary>
    public static bool LooksWrapped(IEnumerable<string> documents)
    {
        int breaks = 0, full = 0;
        foreach (string document in documents)
        {
            ReadOnlySpan<char> before = default;
            foreach (ReadOnlySpan<char> line in document.AsSpan().EnumerateLines())
            {
                if (Joins(before, line))
                {
                    breaks++;
                    full += before.Length is >= ShortestLine and <= LongestLine ? 1 : 0;
                }
                before = line;
            }
        }
        return breaks >= FewestBreaks && full >= UsualShare * breaks;
    }

    private static bool Joins(ReadOnlySpan<char> before, ReadOnlySpan<char> line) =>
        !before.IsWhiteSpace() && !line.IsWhiteSpace() && !char.IsWhiteSpace(line[0]);
}
