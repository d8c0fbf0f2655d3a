using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Reports;

/// <summary>One line of the scorecard: a student beside its teacher.</summary>
/// <param name="Name">What is compared, with its protocol.</param>
/// <param name="Text">The answer in a few words: "58 % of the teacher's".</param>
/// <param name="Share">The student's value / the teacher's.</param>
/// <param name="Higher">Whether a higher one is better.</param>
/// <param name="Detail">Both values with their protocol.</param>
public sealed record ReportScore(string Name, string Text, double Share, bool Higher, string Detail)
{
    private const string Size = "Size", Speed = "Speed", Quality = "Quality", Agreement = "Agreement";

    /// <summary>How long the bar is, of a scale that ends at the larger of both: 0 to 1.</summary>
    public double Bar => Share / Math.Max(1, Share);

    /// <summary>Where the teacher stands on the same scale.</summary>
    public double Mark => 1 / Math.Max(1, Share);

    /// <summary>The scorecard of a teacher and its first student; empty where there are not both.</summary>
    public static IReadOnlyList<ReportScore> Of(EvaluationReport report)
    {
        if (report.Models is not [{ IsTeacher: true } teacher, var student, ..])
            return [];
        List<ReportScore> scores = [];
        double size = (double)student.Parameters / teacher.Parameters;
        scores.Add(new(Size, $"{Percent(size)} of the teacher's", size, false, $"{Figures.Short(student.Parameters)} against {Figures.Short(teacher.Parameters)} parameters"));
        if (Find(report, row => row.Figure == "Writing, 1 text") is var (section, speed))
            scores.Add(new(Speed, Times(speed.Values[1]!.Value / speed.Values[0]!.Value), speed.Values[1]!.Value / speed.Values[0]!.Value, true,
                $"Writing 1 text: {Figures.Measured(speed.Values[1]!.Value, speed.Unit)} against {Figures.Measured(speed.Values[0]!.Value, speed.Unit)} {speed.Unit}"
                    + (Lowest(speed) is string spread ? $" ({spread})" : "") + (section.Disturbance is string disturbed ? $". {disturbed}" : "")));
        if (report.Run?.Classes is { AccuracyToTeacher: double points, Student: { } told, Teacher: { } taught })
            scores.Add(OfAccuracies(points, told[LoopSeries.ValidationAccuracy.Name], taught[LoopSeries.ValidationAccuracy.Name]));
        if (QualityOf(report) is (string name, double own, double other))
            scores.Add(new(Quality, Worse(own / other), own / other, false, $"{name}: {Figures.Perplexity(own)} against {Figures.Perplexity(other)}"));
        if (report.Sections.Where(one => one.Set == FidelityName).SelectMany(one => one.Rows).FirstOrDefault(row => row.Figure == "Top-1 agreement")?.Values[1] is double agreement
            && double.IsFinite(agreement))
            scores.Add(new(Agreement, $"{(agreement / 100).ToString("0.0 %", CultureInfo.InvariantCulture).Replace(" ", "\u202f")} of the tokens", agreement / 100, true,
                "Tokens at which both hold the same token for the likeliest"));
        return scores;
    }

    private static ReportScore OfAccuracies(double points, double own, double other) => new(Quality,
        Math.Abs(points) < 0.00005 ? "as good as the teacher" : $"{Figures.UnsignedPoints(points)} {(points < 0 ? "worse" : "better")}", other == 0 ? 1 : own / other, true,
        $"{ScoreTexts.Accuracy}: {Figures.Accuracy(own)} against {Figures.Accuracy(other)}, higher is better");

    /// <summary>What came out, in a sentence: "58 % of the size, 1.7 x the speed, 0.4 % worse (…)"; null without a student beside its teacher.</summary>
    public static string? Headline(EvaluationReport report)
    {
        IReadOnlyList<ReportScore> scores = Of(report);
        if (scores.Count == 0)
            return null;
        List<string> parts = [];
        foreach (ReportScore score in scores)
        {
            if (score.Name == Size)
                parts.Add($"{Percent(score.Share)} of the size");
            else if (score.Name == Speed)
                parts.Add($"{Figures.Significant(score.Share, 2)}\u202f× the speed");
            else if (score.Name == Quality)
                parts.Add($"{score.Text} ({score.Detail})");
        }
        return string.Join(", ", parts) + ".";
    }

    private static readonly string FidelityName = new Fidelity().Name;

    // The first text on which both were measured, else the text of the fidelity, else what the run measured while it trained.
    private static (string Name, double Own, double Other)? QualityOf(EvaluationReport report)
    {
        if (Find(report, row => row.Figure == TextPerplexity.TokenPerplexityName) is var (section, row))
            return ($"{PerplexityProtocol.Sliding(section.ContextLength, section.Stride).Name}, {(section.SourceName == "" ? section.Title : section.SourceName)}", row.Values[1]!.Value, row.Values[0]!.Value);
        foreach (ReportSection fidelity in report.Sections.Where(one => one.Set == FidelityName))
        {
            double? own = Value("Perplexity, student"), other = Value("Perplexity, teacher");
            if (own is double student && other is double teacher && double.IsFinite(student / teacher))
                return (PerplexityProtocol.Fidelity(fidelity.ContextLength).Name, student, teacher);

            double? Value(string figure) => fidelity.Rows.FirstOrDefault(row => row.Figure == figure)?.Values[1];
        }
        return report.Run is { ValidationPerplexity: double validated, TeacherPerplexity: double taught } run && double.IsFinite(validated / taught)
            ? (PerplexityProtocol.Validation(run.ValidationTokens, run.FillsMasks).Name, validated, taught) : null;
    }

    // The first row of that kind that has finite values of both.
    private static (ReportSection Section, ReportRow Row)? Find(EvaluationReport report, Func<ReportRow, bool> wanted) => report.Sections
        .SelectMany(section => section.Rows.Where(wanted).Select(row => (section, row)))
        .Where(found => found.row.Values is [double teacher, double student, ..] && double.IsFinite(student / teacher))
        .Select(found => ((ReportSection, ReportRow)?)found).FirstOrDefault();

    private static string? Lowest(ReportRow row) => row.Spreads[1] is string own && row.Spreads[0] is string other ? $"{own} against {other}" : null;

    private static string Percent(double share) => $"{Figures.Significant(100 * share, 2)}\u202f%";

    private static string Times(double ratio) => $"{Figures.Significant(ratio, 2)}\u202f× the teacher's";

    private static string Worse(double ratio) => Math.Abs(ratio - 1) < 0.0005 ? "as good as the teacher" : $"{Figures.Unsigned(Math.Abs(ratio - 1))} {(ratio > 1 ? "worse" : "better")}";
}
