using System.Globalization;
using System.Text;
using WebDistill.Data;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>A sweep's results as a file for other programs.</summary>
public static class SweepTable
{
    /// <summary>One line per run, with all digits, for a statistics program (RFC 4180).</summary>
    public static string Csv(SweepReport report)
    {
        var text = new StringBuilder();
        string[] dimensions = [.. report.Plan.Dimensions.Select(dimension => dimension.Name)];
        AppendLine([.. dimensions, "run", "status", "updates", $"{report.Plan.Metric}", "validationPerplexity", "teacherPerplexity",
            "totalLoss", "trainedSeconds", "validationNatsPerToken", "teacherNatsPerToken"]);
        foreach (SweepRun run in report.Runs)
        {
            Dictionary<string, string> labels = new(run.Labels);
            AppendLine([.. dimensions.Select(name => labels.GetValueOrDefault(name, "")), $"{run.Run.Id}", $"{run.Run.Status}",
                run.Run.Step.ToString(CultureInfo.InvariantCulture), TableText.Exact(run.Value), TableText.Exact(run.Run.ValidationPerplexity),
                TableText.Exact(run.Run.TeacherPerplexity), TableText.Exact(run.Run.TotalLoss), TableText.Exact(run.Run.TrainedSeconds),
                TableText.Exact(run.Run.Validation()?.NatsPerToken), TableText.Exact(run.Run.Teacher()?.NatsPerToken)]);
        }
        return text.ToString();

        void AppendLine(IEnumerable<string> cells) => text.Append(TableText.CsvLine(cells));
    }

    /// <summary>One row per point, the best first, as a page of documentation shows it.</summary>
    public static string Markdown(SweepReport report)
    {
        string[] dimensions = [.. report.Groups.SelectMany(group => group.Labels).Select(label => label.Key).Distinct()];
        var text = new StringBuilder();
        text.Append("| ").AppendJoin(" | ", dimensions.Select(TableText.MarkdownCell)).Append(dimensions.Length > 0 ? " | " : "")
            .Append(report.Plan.Metric.Title()).Append(" | 95 % interval | n | |\n");
        text.Append('|').AppendJoin("", dimensions.Select(_ => "---|")).Append("--:|--:|--:|---|\n");
        foreach (SweepGroup group in report.Groups)
        {
            Dictionary<string, string> labels = new(group.Labels);
            text.Append("| ").AppendJoin(" | ", dimensions.Select(name => TableText.MarkdownCell(labels.GetValueOrDefault(name, ""))))
                .Append(dimensions.Length > 0 ? " | " : "");
            text.Append(group.Mean is SampleMean mean
                ? $"{report.Plan.Metric.Write(mean.Mean, group.MeanNatsPerToken)} | "
                    + $"{(mean.HalfWidth is double half ? report.Plan.Metric.WriteHalfWidth(half) : "–")} | {mean.Count}"
                : "– | – | 0");
            text.Append(group.IsBest ? " | best |\n" : " | |\n");
        }
        return text.ToString();
    }
}
