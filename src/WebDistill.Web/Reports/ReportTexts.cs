using System.Globalization;
using System.Text;
using WebDistill.Web.Formats;
using static WebDistill.Web.Formats.TableText;

namespace WebDistill.Web.Reports;

/// <summary>Reports as plain text.</summary>
internal static class ReportTexts
{
    private static readonly string[] s_columns =
    [
        "set", "source", "source_sha256", "context_tokens", "stride_tokens", "figure", "unit", "model", "weights_sha256", "value",
        "ratio_to_first", "engine", "version", "protocol", "nats",
    ];

    /// <summary>Tables with how they were measured beneath.</summary>
    public static string Markdown(EvaluationReport report)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {MarkdownCell(report.Title)}\n\nPut together on {report.CreatedAt:yyyy-MM-dd HH:mm} UTC.\n");
        if (report.Headline is string headline)
            text.Append($"\n**{MarkdownCell(headline)}**\n");
        if (report.Scores.Count > 0)
            text.Append("\n| | Student | How |\n|---|---|---|\n").Append(string.Concat(report.Scores.Select(score => $"| {score.Name} | {MarkdownCell(score.Text)} | {MarkdownCell(score.Detail)} |\n")));
        text.Append("\n## Summary\n\n").Append(Table(report, report.Summary));
        foreach (ReportSection section in report.Sections)
        {
            text.Append($"\n## {MarkdownCell(section.Title)}{(section.SourceName == "" ? "" : $": {MarkdownCell(section.SourceName)}")}\n\n")
                .Append(Table(report, section.Rows))
                .Append($"\n{MarkdownCell(section.Protocol)}\n\n")
                .Append(section.Disturbance is string disturbed ? $"**{MarkdownCell(disturbed)}**\n\n" : "")
                .Append(string.Concat(section.Counts.Select(count => $"{MarkdownCell(count.Name)}: {Figures.Count(count.Value)}. ")))
                .Append($"{MarkdownCell(section.Engine)}; WebDistill {MarkdownCell(section.Version)}.")
                .Append(section.SourceSha256 is string hash ? $" Text SHA-256 `{hash}`.\n" : "\n");
        }
        text.Append("\n## Models\n\n| Model | Layers | Width | Heads | Positions | Weights SHA-256 |\n|---|---:|---:|---:|---:|---|\n");
        foreach (ReportModel model in report.Models)
            text.Append(CultureInfo.InvariantCulture, $"| {MarkdownCell(model.Name)} | {model.Layers} | {model.Width} | {model.Heads} | ")
                .Append(CultureInfo.InvariantCulture, $"{model.ContextLength} | `{model.WeightsSha256}` |\n");
        if (report.Run is ReportRun run)
        {
            if (run.Notes.Count > 0 || run.Tags.Count > 0)
                text.Append("\n## Notes\n").Append(run.Tags.Count == 0 ? "" : $"\nTags: {MarkdownCell(string.Join(", ", run.Tags))}\n")
                    // Within a line nothing that was written is a heading or a list.
                    .Append(string.Concat(run.Notes.Select(note => string.Create(CultureInfo.InvariantCulture,
                        $"\n{note.At:yyyy-MM-dd HH:mm} UTC: {string.Join("<br>", note.Text.Split('\n').Select(MarkdownCell))}\n"))));
            text.Append($"\n## Options of the run {MarkdownCell(run.Name)}\n\n| Option | Value |\n|---|---|\n");
            foreach (ReportOption option in run.Options)
                text.Append(option.IsDefault
                    ? $"| {MarkdownCell(option.Label)} | {MarkdownCell(option.Value)} |\n"
                    : $"| {MarkdownCell(option.Label)} | **{MarkdownCell(option.Value)}** |\n");
        }
        return text.ToString();
    }

    /// <summary>One line for each figure of each model, with all digits.</summary>
    public static string Csv(EvaluationReport report)
    {
        var text = new StringBuilder(CsvLine(s_columns));
        foreach (ReportSection section in report.Sections)
        {
            foreach (ReportRow row in section.Rows)
            {
                for (int i = 0; i < row.Values.Count; i++)
                {
                    if (row.Values[i] is not double value)
                        continue;
                    string[] cells =
                    [
                        section.Set, section.SourceName, section.SourceSha256 ?? "", Exact(section.ContextLength),
                        Exact(section.Stride), row.Figure, row.Unit, report.Models[i].Name, report.Models[i].WeightsSha256,
                        Exact(value), Exact(row.Ratios[i]), section.Engine, section.Version,
                        section.Protocol, Exact(row.Nats[i]),
                    ];
                    text.Append(CsvLine(cells));
                }
            }
        }
        return text.ToString();
    }

    /// <summary>The values of a row as they are written, each but the first followed by its ratio to the first.</summary>
    public static IEnumerable<string> Cells(ReportRow row)
    {
        for (int i = 0; i < row.Values.Count; i++)
        {
            yield return row.Values[i] is double value ? Figures.Measured(value, row.Unit, row.Nats[i]) + (row.Spreads[i] is string spread ? $" ({spread})" : "") : "–";
            if (i > 0)
                yield return Ratio(row, i);
        }
    }

    /// <summary>A value divided by the first model's; of a speed, which is known to two digits, with two.</summary>
    public static string Ratio(ReportRow row, int model) => row.Ratios[model] is not double ratio ? "–"
        : row.Unit is "tokens/s" or "ms" ? Figures.SpeedRatio(ratio) : Figures.Ratio(ratio);

    private static string Table(EvaluationReport report, IReadOnlyList<ReportRow> rows)
    {
        var text = new StringBuilder("| Figure |");
        for (int i = 0; i < report.Models.Count; i++)
            text.Append($" {MarkdownCell(report.Models[i].Name)} |{(i > 0 ? " ratio |" : "")}");
        text.Append("\n|---|").Append(string.Concat(Enumerable.Repeat("---:|", 2 * report.Models.Count - 1))).Append('\n');
        foreach (ReportRow row in rows)
        {
            string unit = Figures.UnitOf(row.Unit);
            text.Append($"| {MarkdownCell(row.Name)}{(unit == "" ? "" : $" ({MarkdownCell(unit)})")} | ").AppendJoin(" | ", Cells(row)).Append(" |\n");
        }
        return text.ToString();
    }
}
