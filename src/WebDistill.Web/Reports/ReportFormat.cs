using System.Text.Json;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Reports;

/// <summary>A way to write a report down.</summary>
/// <param name="Name">As the API calls it, and the file's extension.</param>
/// <param name="Title">As the page calls it.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Write">Writes a report.</param>
public sealed record ReportFormat(string Name, string Title, string ContentType, Func<EvaluationReport, string> Write)
{
    private static readonly JsonSerializerOptions s_indented = new(WebJson.Measured) { WriteIndented = true };

    /// <summary>The catalogue.</summary>
    public static IReadOnlyList<ReportFormat> All { get; } =
    [
        new("html", "HTML, one file", "text/html; charset=utf-8", HtmlReport.Write),
        new("md", "Markdown", "text/markdown; charset=utf-8", ReportTexts.Markdown),
        new("csv", "CSV", "text/csv; charset=utf-8", ReportTexts.Csv),
        new("json", "JSON", "application/json", report => JsonSerializer.Serialize(report, s_indented)),
    ];
}
