using System.Globalization;
using System.Text;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;
using WebDistill.Web.Compare;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>A sweep's results as a file for other programs.</summary>
public static class SweepTable
{
    private static readonly string[] s_none = [];

    /// <summary>One line per run, with all digits, for a statistics program (RFC 4180). The figures are those of the runs' task: perplexities, or what is measured of classes.</summary>
    public static string Csv(SweepReport report)
    {
        var text = new StringBuilder();
        string[] dimensions = [.. report.Plan.Dimensions.Select(dimension => dimension.Name)];
        bool sortsTexts = report.Runs.Any(run => run.Run.Task() == ModelHead.Classes), hasOthers = !sortsTexts || report.Runs.Any(run => run.Run.Task() != ModelHead.Classes);
        StepSeries[] ofClasses = sortsTexts ? [.. LoopSeries.Measured(ModelHead.Classes)] : [];
        AppendLine([.. dimensions, "run", "status", "updates", $"{report.Plan.Metric}", .. hasOthers ? ["validationPerplexity", "teacherPerplexity"] : s_none,
            .. ofClasses.Select(series => series.Name), .. sortsTexts ? ["teacherAccuracy"] : s_none,
            "totalLoss", "trainedSeconds", .. hasOthers ? ["validationNatsPerToken", "teacherNatsPerToken"] : s_none]);
        foreach (SweepRun run in report.Runs)
        {
            Dictionary<string, string> labels = new(run.Labels);
            ValidationScore? told = run.Run.Score() is { Perplexity: null } score ? score : null, taught = run.Run.TeacherScore() is { Perplexity: null } teacher ? teacher : null;
            AppendLine([.. dimensions.Select(name => labels.GetValueOrDefault(name, "")), $"{run.Run.Id}", $"{run.Run.Status}",
                run.Run.Step.ToString(CultureInfo.InvariantCulture), TableText.Exact(run.Value),
                .. hasOthers ? [TableText.Exact(run.Run.ValidationPerplexity), TableText.Exact(run.Run.TeacherPerplexity)] : s_none,
                .. ofClasses.Select(series => TableText.Exact(told?.Of(series))), .. sortsTexts ? [TableText.Exact(taught?.Value)] : s_none,
                TableText.Exact(run.Run.TotalLoss), TableText.Exact(run.Run.TrainedSeconds),
                .. hasOthers ? [TableText.Exact(run.Run.Validation()?.NatsPerToken), TableText.Exact(run.Run.Teacher()?.NatsPerToken)] : s_none]);
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
