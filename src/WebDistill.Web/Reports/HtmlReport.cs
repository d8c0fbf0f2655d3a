using System.Globalization;
using System.Net;
using System.Text;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Reports;

/// <summary>A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.</summary>
internal sealed class HtmlReport
{
    private const string Style = """
        :root{color-scheme:light dark;--text:light-dark(#191c20,#e8eaed);--soft:light-dark(#646b75,#939ba6);--line:light-dark(#e0e3e7,#272c33);
        --student:light-dark(#0f766e,#5eead4);--teacher:light-dark(#6d3fc4,#b79cf5);--track:light-dark(#eceef0,#272c33)}
        body{font:14px/1.5 system-ui,sans-serif;color:var(--text);background:light-dark(#fff,#0f1114);max-width:1080px;margin:32px auto;padding:0 24px}
        h1{font-size:24px;letter-spacing:-.02em}h2{font-size:17px;margin:40px 0 8px}h3{font-size:14px;margin:24px 0 4px}p,dl{color:var(--soft);margin:8px 0}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
        th{font-weight:500;color:var(--soft)}.number{text-align:right}.best{font-weight:650}code{font-size:12px;overflow-wrap:anywhere}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:24px}figure{margin:0}figcaption{font-weight:600;margin-bottom:4px}
        .legend{color:var(--soft);font-size:12px}.key{display:inline-block;width:14px;border-top:2.5px solid;margin:0 6px 3px 12px}
        .key.student,.line.student{color:var(--student);stroke:var(--student)}.key.teacher,.line.teacher{color:var(--teacher);stroke:var(--teacher)}
        .line{fill:none;stroke-width:2}.line.teacher,.line.ideal{stroke-dasharray:5 4}.line.ideal,.key.ideal{stroke:var(--soft);color:var(--soft);stroke-width:1}
        .point.student{fill:var(--student)}.point.teacher{fill:var(--teacher)}.grid{stroke:var(--line)}.report-chart{width:100%;height:auto}
        .tick,.axis{fill:var(--soft);font-size:11px}.headline{font-size:19px;color:var(--text);max-width:70ch}.wide{grid-column:1/-1}
        .scores{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:16px 32px;margin:24px 0}.scores dt{font-weight:600;color:var(--text)}.scores dd{margin:0}
        .bullet{display:block;position:relative;height:8px;background:var(--track);border-radius:4px;margin:6px 0}.bullet i{position:absolute;inset:0 auto 0 0;background:var(--student);border-radius:4px}
        .bullet b{position:absolute;top:-3px;bottom:-3px;width:3px;background:var(--teacher);margin-left:-1.5px}nav ul{columns:2;color:var(--soft);padding-left:18px}
        details>summary{cursor:pointer;font-size:17px;font-weight:650;margin:32px 0 8px}.note{white-space:pre-wrap;color:var(--text)}.disturbed{color:light-dark(#8f5600,#f0b050)}a{color:inherit}
        @media print{body{margin:0;max-width:none}}@media(max-width:640px){body{padding:0 16px}.charts{grid-template-columns:1fr}table{display:block;overflow-x:auto}nav ul{columns:1}}
        """;

    private readonly EvaluationReport _report;
    private readonly StringBuilder _html = new();

    private HtmlReport(EvaluationReport report) => _report = report;

    /// <summary>The file's text.</summary>
    public static string Write(EvaluationReport report)
    {
        var html = new HtmlReport(report);
        html.WriteAll();
        return html._html.ToString();
    }

    private void WriteAll()
    {
        _html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
            .Append("<meta name=\"viewport\" content=\"width=device-width\">")
            .Append($"<title>{Text(_report.Title)}</title><style>{Style}</style></head>\n<body>\n")
            .Append($"<h1>{Text(_report.Title)}</h1>\n")
            .Append(CultureInfo.InvariantCulture, $"<p>Put together by WebDistill on {_report.CreatedAt:yyyy-MM-dd HH:mm} UTC. ")
            .Append($"Ratios are to {Text(_report.Models[0].Name)}.</p>\n");
        Scores();
        _html.Append("<nav aria-label=\"Contents\"><ul><li><a href=\"#summary\">Summary</a></li>")
            .AppendJoin("", _report.Sections.Select((section, i) => $"<li><a href=\"#s{i}\">{Text(Title(section))}</a></li>")).Append("<li><a href=\"#models\">Models</a></li></ul></nav>\n");
        Heading("Summary", "summary");
        Figures(_report.Summary);
        for (int i = 0; i < _report.Sections.Count; i++)
            Section(_report.Sections[i], $"s{i}");
        Heading("Models", "models");
        Table(["Model", "Layers", "Width", "Heads", "Positions", "Weights SHA-256"], numbers: 1..5, _report.Models.Select(model => new[]
        {
            Text(model.Name), $"{model.Layers}", $"{model.Width}", $"{model.Heads}", $"{model.ContextLength}",
            $"<code>{model.WeightsSha256}</code>",
        }));
        if (_report.Run is ReportRun run)
        {
            if (run.Validation.Count > 1)
            {
                _html.Append("<h2>During training</h2>\n");
                Charts([ReportChart.Of(run)], run.Name);
            }
            Notes(run);
            Heading($"Options of the run {run.Name}", "options");
            Table(["Option", "Value"], numbers: 0..0, run.Options.Select(option => new[]
            {
                Text(option.Label), option.IsDefault ? Text(option.Value) : $"<strong>{Text(option.Value)}</strong>",
            }));
        }
        _html.Append("</body></html>\n");
    }

    // What came out, before everything that it was measured by.
    private void Scores()
    {
        if (_report.Headline is string headline)
            _html.Append($"<p class=\"headline\">{Text(headline)}</p>\n");
        if (_report.Scores.Count == 0)
            return;
        _html.Append("<dl class=\"scores\">");
        foreach (ReportScore score in _report.Scores)
            _html.Append(CultureInfo.InvariantCulture, $"<div><dt>{Text(score.Name)}: {Text(score.Text)}</dt><dd><span class=\"bullet\" aria-hidden=\"true\"><i style=\"width:{100 * score.Bar:0.#}%\"></i><b style=\"left:{100 * score.Mark:0.#}%\"></b></span>{Text(score.Detail)}</dd></div>");
        _html.Append("</dl>\n");
    }

    private void Notes(ReportRun run)
    {
        if (run.Notes.Count == 0 && run.Tags.Count == 0)
            return;
        Heading("Notes", "notes");
        if (run.Tags.Count > 0)
            _html.Append($"<p>Tags: {Text(string.Join(", ", run.Tags))}</p>\n");
        foreach (NoteResponse note in run.Notes)
            _html.Append(CultureInfo.InvariantCulture, $"<p>{note.At:yyyy-MM-dd HH:mm} UTC</p><p class=\"note\">{Text(note.Text)}</p>\n");
    }

    private static string Title(ReportSection section) => section.SourceName == "" ? section.Title : $"{section.Title}: {section.SourceName}";

    private void Section(ReportSection section, string id)
    {
        _html.Append($"<details open id=\"{id}\"><summary>{Text(Title(section))}</summary>\n");
        if (section.Disturbance is string disturbed)
            _html.Append($"<p class=\"disturbed\">{Text(disturbed)}</p>\n");
        Figures(section.Rows);
        string counts = string.Concat(section.Counts.Select(count => $"{count.Name}: {Formats.Figures.Count(count.Value)}. "));
        _html.Append($"<p>{Text(section.Protocol)}</p>\n<p>{Text(counts)}{Text(section.Engine)}; WebDistill {Text(section.Version)}.")
            .Append(section.SourceSha256 is string hash ? $" Text SHA-256 <code>{hash}</code>.</p>\n" : "</p>\n");
        for (int model = 0; model < _report.Models.Count; model++)
            Charts(ReportChart.Of(section, model), _report.Models[model].Name);
        foreach (ReportSamples samples in section.Samples)
        {
            _html.Append($"<h3>Answers of {Text(_report.Models[samples.Model].Name)}</h3>\n");
            Table(["Question", "Answer", "Expected"], numbers: 0..0,
                samples.Samples.Select(sample => new[] { Text(sample.Question), Text(sample.Answer), Text(sample.Expected) }));
        }
        _html.Append("</details>\n");
    }

    /// <summary>Figures as rows, models as columns, each but the first with its ratio to the first.</summary>
    private void Figures(IReadOnlyList<ReportRow> rows)
    {
        string[] heads = ["Figure", .. _report.Models.SelectMany((model, i) => i == 0 ? [model.Name] : new[] { model.Name, "Ratio" })];
        Table(heads, numbers: 1..heads.Length, rows.Select(row => (string[])
        [
            $"<span title=\"{Text(row.What)}\">{Text(row.Name)}</span> <span class=\"legend\">{Text(Formats.Figures.UnitOf(row.Unit))}</span>",
            .. ReportTexts.Cells(row).Select(Text),
        ]));
    }

    private void Charts(IReadOnlyList<ReportChart> charts, string model)
    {
        if (charts.Count == 0)
            return;
        _html.Append($"<h3>{Text(model)}</h3>\n<div class=\"charts\">\n");
        foreach (ReportChart chart in charts)
        {
            _html.Append($"<figure{(chart.At is null ? "" : " class=\"wide\"")}><figcaption>{Text(chart.Title)} <span class=\"legend\">{Text(chart.Unit)}</span></figcaption>")
                .Append(chart.ToSvg());
            if (chart.LeftOut is string leftOut)
                _html.Append($"<div class=\"legend\">{Text(leftOut)}</div>");
            if (chart.Lines.Count > 1)
                _html.Append("<div class=\"legend\">")
                    .AppendJoin("", chart.Lines.Select(line => $"<span class=\"key {line.Class}\"></span>{Text(line.Name)}")).Append("</div>");
            _html.Append("</figure>\n");
        }
        _html.Append("</div>\n");
    }

    private void Heading(string title, string id) => _html.Append($"<h2 id=\"{id}\">{Text(title)}</h2>\n");

    /// <summary>A table of cells that are HTML already.</summary>
    /// <param name="numbers">The columns that hold numbers.</param>
    private void Table(IReadOnlyList<string> heads, Range numbers, IEnumerable<string[]> rows)
    {
        (int first, int count) = numbers.GetOffsetAndLength(heads.Count);
        string Class(int column) => column >= first && column < first + count ? " class=\"number\"" : "";
        _html.Append("<table><thead><tr>").AppendJoin("", heads.Select((head, i) => $"<th{Class(i)}>{Text(head)}</th>"))
            .Append("</tr></thead><tbody>\n");
        foreach (string[] row in rows)
            _html.Append("<tr>").AppendJoin("", row.Select((cell, i) => $"<td{Class(i)}>{cell}</td>")).Append("</tr>\n");
        _html.Append("</tbody></table>\n");
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
