using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Evaluation;
using WebDistill.Web.Components.Controls;

namespace WebDistill.Web.Reports;

/// <summary>A way to write a report down.</summary>
/// <param name="Name">As the API calls it, and the file's extension.</param>
/// <param name="Title">As the page calls it.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Write">Writes a report.</param>
public sealed record ReportFormat(string Name, string Title, string ContentType, Func<EvaluationReport, string> Write)
{
    /// <summary>The catalogue.</summary>
    public static IReadOnlyList<ReportFormat> All { get; } =
    [
        new("html", "HTML, one file", "text/html; charset=utf-8", HtmlReport.Write),
        new("md", "Markdown", "text/markdown; charset=utf-8", ReportTexts.Markdown),
        new("csv", "CSV", "text/csv; charset=utf-8", ReportTexts.Csv),
        new("json", "JSON", "application/json", report => JsonSerializer.Serialize(report, ReportTexts.IndentedJson)),
    ];
}

/// <summary>Reports as plain text.</summary>
internal static class ReportTexts
{
    public static JsonSerializerOptions IndentedJson { get; } = new(WebJson.Options) { WriteIndented = true };

    /// <summary>Tables with how they were measured beneath.</summary>
    public static string Markdown(EvaluationReport report)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {Cell(report.Title)}\n\nPut together on {report.CreatedAt:yyyy-MM-dd HH:mm} UTC.\n\n## Summary\n\n");
        Table(report.Summary);
        foreach (ReportSection section in report.Sections)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {section.Title}{(section.SourceName == "" ? "" : $": {Cell(section.SourceName)}")}\n\n");
            Table(section.Rows);
            text.Append(CultureInfo.InvariantCulture, $"\n{section.Protocol}\n\n");
            text.Append(string.Join("; ", section.Counts.Select(count => $"{count.Name}: {Figures.Count(count.Value)}")))
                .Append(section.Counts.Count > 0 ? "\n\n" : "")
                .Append(CultureInfo.InvariantCulture, $"{section.Engine}; WebDistill {section.Version}{(section.SourceSha256 is string hash ? $"; text SHA-256 `{hash}`" : "")}\n");
        }
        text.Append("\n## Models\n\n| Model | Layers | Width | Heads | Positions | Weights SHA-256 |\n|---|---:|---:|---:|---:|---|\n");
        foreach (ReportModel model in report.Models)
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(model.Name)} | {model.Layers} | {model.Width} | {model.Heads} | {model.ContextLength} | `{model.WeightsSha256}` |\n");
        if (report.Run is ReportRun run)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## Options of the run {Cell(run.Name)}\n\n| Option | Value |\n|---|---|\n");
            foreach (ReportOption option in run.Options)
                text.Append(CultureInfo.InvariantCulture, $"| {Cell(option.Label)} | {(option.IsDefault ? "" : "**")}{Cell(option.Value)}{(option.IsDefault ? "" : "**")} |\n");
        }
        return text.ToString();

        void Table(IReadOnlyList<ReportRow> rows)
        {
            text.Append("| Figure |");
            for (int i = 0; i < report.Models.Count; i++)
                text.Append(CultureInfo.InvariantCulture, $" {Cell(report.Models[i].Name)} |{(i > 0 ? " ratio |" : "")}");
            text.Append("\n|---|").Append(string.Concat(Enumerable.Repeat("---:|", 2 * report.Models.Count - 1))).Append('\n');
            foreach (ReportRow row in rows)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {Cell(row.Figure)}{(Figures.UnitOf(row.Unit) is { Length: > 0 } unit ? $" ({Cell(unit)})" : "")} |");
                for (int i = 0; i < row.Values.Count; i++)
                {
                    text.Append(CultureInfo.InvariantCulture, $" {(row.Values[i] is double value ? Figures.Measured(value, row.Unit) : "–")} |");
                    if (i > 0)
                        text.Append(CultureInfo.InvariantCulture, $" {(row.Ratios[i] is double ratio ? Figures.Ratio(ratio) : "–")} |");
                }
                text.Append('\n');
            }
        }
    }

    /// <summary>One line for each figure of each model, with all digits.</summary>
    public static string Csv(EvaluationReport report)
    {
        var text = new StringBuilder("set,source,source_sha256,context_tokens,stride_tokens,figure,unit,model,weights_sha256,value,ratio_to_first,engine,version,protocol\n");
        foreach (ReportSection section in report.Sections)
        {
            foreach (ReportRow row in section.Rows)
            {
                for (int i = 0; i < row.Values.Count; i++)
                {
                    if (row.Values[i] is not double value)
                        continue;
                    text.AppendJoin(',', new[]
                    {
                        section.Set, section.SourceName, section.SourceSha256 ?? "", section.ContextLength.ToString(CultureInfo.InvariantCulture),
                        section.Stride.ToString(CultureInfo.InvariantCulture), row.Figure, row.Unit, report.Models[i].Name, report.Models[i].WeightsSha256,
                        Figures.Exact(value), row.Ratios[i] is double ratio ? Figures.Exact(ratio) : "", section.Engine, section.Version, section.Protocol,
                    }.Select(Quote)).Append('\n');
                }
            }
        }
        return text.ToString();
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    // A spreadsheet takes a text that begins like a formula for one.
    private static string Quote(string text) =>
        text.Length > 0 && text[0] is '=' or '+' or '-' or '@' && !double.TryParse(text, CultureInfo.InvariantCulture, out _) ? $"\"'{text.Replace("\"", "\"\"")}\""
        : text.IndexOfAny([',', '"', '\n', '\r']) >= 0 ? $"\"{text.Replace("\"", "\"\"")}\""
        : text;
}

/// <summary>A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.</summary>
internal static class HtmlReport
{
    private const string Style = """
        :root{color-scheme:light dark;--text:light-dark(#191c20,#e8eaed);--soft:light-dark(#646b75,#939ba6);--line:light-dark(#e0e3e7,#272c33);
        --student:light-dark(#0072b2,#3d9be0);--teacher:light-dark(#6b737e,#9aa3ad)}
        body{font:14px/1.5 system-ui,sans-serif;color:var(--text);background:light-dark(#fff,#0f1114);max-width:1080px;margin:32px auto;padding:0 24px}
        h1{font-size:24px;letter-spacing:-.02em}h2{font-size:17px;margin:40px 0 8px}h3{font-size:14px;margin:24px 0 4px}p,dl{color:var(--soft);margin:8px 0}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
        th{font-weight:500;color:var(--soft)}.number{text-align:right}.best{font-weight:650}code{font-size:12px;overflow-wrap:anywhere}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:24px}figure{margin:0}figcaption{font-weight:600;margin-bottom:4px}
        .legend{color:var(--soft);font-size:12px}.key{display:inline-block;width:14px;border-top:2.5px solid;margin:0 6px 3px 12px}
        .key.student,.line.student{color:var(--student);stroke:var(--student)}.key.teacher,.line.teacher{color:var(--teacher);stroke:var(--teacher)}
        .line{fill:none;stroke-width:2}.line.teacher,.line.ideal{stroke-dasharray:5 4}.line.ideal,.key.ideal{stroke:var(--soft);color:var(--soft);stroke-width:1}
        .point.student{fill:var(--student)}.point.teacher{fill:var(--teacher)}.grid{stroke:var(--line)}.report-chart{width:100%;height:auto}
        .tick,.axis{fill:var(--soft);font-size:11px}@media print{body{margin:0;max-width:none}}
        """;

    public static string Write(EvaluationReport report)
    {
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Text(report.Title)}</title><style>{Style}</style></head>\n<body>\n");
        html.Append(CultureInfo.InvariantCulture, $"<h1>{Text(report.Title)}</h1>\n<p>Put together by WebDistill on {report.CreatedAt:yyyy-MM-dd HH:mm} UTC. Ratios are to {Text(report.Models[0].Name)}.</p>\n<h2>Summary</h2>\n");
        Table(report.Summary);
        foreach (ReportSection section in report.Sections)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h2>{Text(section.Title)}{(section.SourceName == "" ? "" : $": {Text(section.SourceName)}")}</h2>\n");
            Table(section.Rows);
            html.Append(CultureInfo.InvariantCulture, $"<p>{Text(section.Protocol)}</p>\n<p>{string.Join("; ", section.Counts.Select(count => $"{Text(count.Name)}: {Figures.Count(count.Value)}"))}{(section.Counts.Count > 0 ? ". " : "")}{Text(section.Engine)}; WebDistill {Text(section.Version)}.");
            if (section.SourceSha256 is string hash)
                html.Append(CultureInfo.InvariantCulture, $" Text SHA-256 <code>{hash}</code>.");
            html.Append("</p>\n");
            for (int model = 0; model < report.Models.Count; model++)
                Charts(section, model);
            foreach (ReportSamples samples in section.Samples)
                Samples(samples);
        }
        html.Append("<h2>Models</h2>\n<table><thead><tr><th>Model</th><th class=\"number\">Layers</th><th class=\"number\">Width</th><th class=\"number\">Heads</th><th class=\"number\">Positions</th><th>Weights SHA-256</th></tr></thead><tbody>\n");
        foreach (ReportModel model in report.Models)
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(model.Name)}</td><td class=\"number\">{model.Layers}</td><td class=\"number\">{model.Width}</td><td class=\"number\">{model.Heads}</td><td class=\"number\">{model.ContextLength}</td><td><code>{model.WeightsSha256}</code></td></tr>\n");
        html.Append("</tbody></table>\n");
        if (report.Run is ReportRun run)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h2>Options of the run {Text(run.Name)}</h2>\n<table><tbody>\n");
            foreach (ReportOption option in run.Options)
                html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(option.Label)}</td><td{(option.IsDefault ? "" : " class=\"best\"")}>{Text(option.Value)}</td></tr>\n");
            html.Append("</tbody></table>\n");
        }
        return html.Append("</body></html>\n").ToString();

        void Table(IReadOnlyList<ReportRow> rows)
        {
            html.Append("<table><thead><tr><th>Figure</th>");
            for (int i = 0; i < report.Models.Count; i++)
                html.Append(CultureInfo.InvariantCulture, $"<th class=\"number\">{Text(report.Models[i].Name)}</th>{(i > 0 ? "<th class=\"number\">Ratio</th>" : "")}");
            html.Append("</tr></thead><tbody>\n");
            foreach (ReportRow row in rows)
            {
                html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(row.Figure)} <span class=\"legend\">{Text(Figures.UnitOf(row.Unit))}</span></td>");
                for (int i = 0; i < row.Values.Count; i++)
                {
                    html.Append(CultureInfo.InvariantCulture, $"<td class=\"number\">{(row.Values[i] is double value ? Figures.Measured(value, row.Unit) : "–")}</td>");
                    if (i > 0)
                        html.Append(CultureInfo.InvariantCulture, $"<td class=\"number\">{(row.Ratios[i] is double ratio ? Figures.Ratio(ratio) : "–")}</td>");
                }
                html.Append("</tr>\n");
            }
            html.Append("</tbody></table>\n");
        }

        void Charts(ReportSection section, int model)
        {
            IReadOnlyList<ReportChart> charts = ReportChart.Of(section, model);
            if (charts.Count == 0)
                return;
            html.Append(CultureInfo.InvariantCulture, $"<h3>{Text(report.Models[model].Name)}</h3>\n<div class=\"charts\">\n");
            foreach (ReportChart chart in charts)
            {
                html.Append(CultureInfo.InvariantCulture, $"<figure><figcaption>{Text(chart.Title)} <span class=\"legend\">{Text(chart.Unit)}</span></figcaption>{chart.ToSvg()}");
                if (chart.Lines.Count > 1)
                    html.Append("<div class=\"legend\">").AppendJoin("", chart.Lines.Select(line => $"<span class=\"key {line.Class}\"></span>{Text(line.Name)}")).Append("</div>");
                html.Append("</figure>\n");
            }
            html.Append("</div>\n");
        }

        void Samples(ReportSamples samples)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h3>Answers of {Text(report.Models[samples.Model].Name)}</h3>\n<table><thead><tr><th>Question</th><th>Answer</th><th>Expected</th></tr></thead><tbody>\n");
            foreach (EvaluationSample sample in samples.Samples)
                html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(sample.Question)}</td><td>{Text(sample.Answer)}</td><td>{Text(sample.Expected)}</td></tr>\n");
            html.Append("</tbody></table>\n");
        }
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
