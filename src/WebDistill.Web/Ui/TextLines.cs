using System.Text;

namespace WebDistill.Web.Ui;

/// <summary>Some texts as a person writes them, a line each: a line break in one is <c>\n</c>, a tab <c>\t</c> and a backslash <c>\\</c>.</summary>
public static class TextLines
{
    /// <summary>The texts of the lines. Spaces at the ends of a line belong to its text; a line without anything is none.</summary>
    /// <exception cref="FormatException">A lone backslash; says how to write it.</exception>
    public static IReadOnlyList<string> Read(string lines) =>
        [.. lines.ReplaceLineEndings("\n").Split('\n').Where(line => line != "").Select(Unescape)];

    /// <summary>What <see cref="Read"/> reads.</summary>
    public static string Write(IEnumerable<string> texts) => string.Join('\n', texts.Select(text =>
        text.Replace("\\", "\\\\").ReplaceLineEndings("\\n").Replace("\t", "\\t")));

    private static string Unescape(string line)
    {
        var text = new StringBuilder();
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] != '\\')
            {
                text.Append(line[i]);
                continue;
            }
            text.Append((++i < line.Length ? line[i] : '\0') switch
            {
                'n' => '\n',
                't' => '\t',
                '\\' => '\\',
                _ => throw new FormatException($"'{line}' has a lone backslash. Write \\\\ for a backslash, \\n for a line break, \\t for "
                    + "a tab."),
            });
        }
        return text.ToString();
    }
}
