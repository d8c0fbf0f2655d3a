using System.Globalization;

namespace WebDistill.Web;

/// <summary>Cells of tables in plain text, whatever stands in them.</summary>
internal static class TableText
{
    /// <summary>A line of a CSV file (RFC 4180). What begins like a formula is marked as text: a spreadsheet must not compute it.</summary>
    public static string CsvLine(IEnumerable<string> cells) => string.Join(',', cells.Select(CsvCell)) + "\r\n";

    /// <summary>A cell of a Markdown table.</summary>
    public static string MarkdownCell(string cell) =>
        cell.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    /// <summary>A number with all its digits; nothing for none.</summary>
    public static string Exact(double? value) => value?.ToString("R", CultureInfo.InvariantCulture) ?? "";

    private static string CsvCell(string cell)
    {
        if (cell is ['=' or '+' or '-' or '@' or '\t', ..] && !double.TryParse(cell, CultureInfo.InvariantCulture, out _))
            cell = "'" + cell;
        return cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"")}\"" : cell;
    }
}
