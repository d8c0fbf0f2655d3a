using System.Buffers;
using System.Globalization;
using System.Text;
using WebDistill.Distillation.Files;

namespace WebDistill.Web.Formats;

/// <summary>Cells of tables in plain text, whatever stands in them.</summary>
internal static class TableText
{
    // What begins code, emphasis, links, pictures, cells, strikes, mathematics and mentions in Markdown and its usual extensions.
    private const string MarkdownSigns = "\\`*_[]|~$@";

    private static readonly SearchValues<char> s_formula = SearchValues.Create("=+-@＝＋－＠");

    /// <summary>A line of a CSV file (RFC 4180). What begins like a formula is marked as text: a spreadsheet must not compute it.</summary>
    public static string CsvLine(IEnumerable<string> cells) => string.Join(',', cells.Select(CsvCell)) + "\r\n";

    /// <summary>Text for a cell or a heading of Markdown: shown as it is, whatever stands in it, on one line.</summary>
    public static string MarkdownCell(string cell)
    {
        var text = new StringBuilder(cell.Length + 8);
        foreach (char character in ForeignText.Visible(cell.ReplaceLineEndings(" ")))
        {
            // As entities, which hold where a renderer passes HTML through.
            if (character == '<')
                text.Append("&lt;");
            else if (character == '&')
                text.Append("&amp;");
            else if (MarkdownSigns.Contains(character))
                text.Append('\\').Append(character);
            else
                text.Append(character);
        }
        // Bare addresses become links.
        return text.Replace("://", "\\://").Replace("www.", "www\\.").ToString();
    }

    /// <summary>A number with all its digits; nothing for none.</summary>
    public static string Exact(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    // Spreadsheets pass over what stands before the sign and is not seen.
    private static string CsvCell(string cell)
    {
        int first = 0;
        while (first < cell.Length && (char.IsWhiteSpace(cell[first]) || char.GetUnicodeCategory(cell[first]) is UnicodeCategory.Control or UnicodeCategory.Format))
            first++;
        bool isFormula = first < cell.Length && s_formula.Contains(cell[first])
            && !double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        if (isFormula || cell is ['\t' or '\r' or '\n', ..])
            cell = "'" + cell;
        return cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"")}\"" : cell;
    }
}
