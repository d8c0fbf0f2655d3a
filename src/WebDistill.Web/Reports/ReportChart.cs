using System.Globalization;
using System.Net;
using System.Text;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Reports;

/// <summary>A line of a chart.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Class">Its style: "student", "teacher" or "ideal".</param>
/// <param name="Values">One for each group; null leaves a gap, and so does what is not finite: the summary says what it is.</param>
/// <param name="Nats">Of perplexities, the mean losses that they are the exponentials of.</param>
public sealed record ReportLine(string Name, string Class, IReadOnlyList<double?> Values, IReadOnlyList<double?>? Nats = null);

/// <summary>A chart as SVG text, so that the page and the exported file show the same one. Colours come from the style sheet's classes.</summary>
/// <param name="Title">What is charted.</param>
/// <param name="Axis">What the groups are.</param>
/// <param name="Unit">Unit of the values.</param>
/// <param name="Groups">Name of each group, from left to right.</param>
/// <param name="Lines">The lines.</param>
/// <param name="Top">Where the vertical axis ends; null takes the largest value.</param>
/// <param name="At">Where each group stands on a horizontal axis of numbers; null spaces them evenly.</param>
/// <param name="FromZero">Whether the vertical axis begins at 0, as it must where lengths are compared; otherwise it shows what there is.</param>
public sealed record ReportChart(
    string Title, string Axis, string Unit, IReadOnlyList<string> Groups, IReadOnlyList<ReportLine> Lines, double? Top = null, IReadOnlyList<double>? At = null,
    bool FromZero = true)
{
    private const int MostNamed = 5;
    private const int Height = 240, Left = 56, Right = 16, Above = 12, Below = 46;
    private const double CharacterWidth = 7, BetweenLabels = 14;

    // A curve over time has the whole width of a page, as it is drawn: its letters keep their size.
    private int Width => At is null ? 480 : 960;

    /// <summary>
    /// The charts of a section: fidelity by frequency and by position, the losses of student and teacher together, and a reliability diagram
    /// for each student.
    /// </summary>
    public static IReadOnlyList<ReportChart> Of(ReportSection section, int model)
    {
        List<ReportChart> charts = [];
        EvaluationBreakdown[] all = [.. section.Breakdowns.Where(found => found.Model == model).Select(found => found.Breakdown)];
        foreach (IGrouping<string, EvaluationBreakdown> by in all.GroupBy(breakdown => breakdown.By))
        {
            if (by.Key == Fidelity.ReliabilityAxis)
            {
                charts.Add(Reliability([.. by]));
                continue;
            }
            foreach (IGrouping<string, EvaluationBreakdown> together in by.GroupBy(breakdown => breakdown.Name.Split(',')[0]))
            {
                EvaluationBreakdown first = together.First();
                charts.Add(new ReportChart(together.Key, by.Key, first.Unit, first.Groups,
                    [.. together.Select(line => new ReportLine(line.Name, line.Name.EndsWith("teacher", StringComparison.Ordinal) && together.Count() > 1
                        ? "teacher" : "student", line.Values))], first.Unit == "%" ? 100 : null));
            }
        }
        return charts;
    }

    private const int MostPoints = 60;

    /// <summary>The perplexities, or accuracies, that a run measured while it trained, with the teacher's as a line: a measurement for each place that has room, the last one among
    /// them.</summary>
    public static ReportChart Of(ReportRun run)
    {
        // An accuracy is drawn in per cent.
        bool ofClasses = run.Classes is not null;
        double factor = ofClasses ? 100 : 1;
        int every = (run.Validation.Count + MostPoints - 1) / MostPoints;
        ReportPoint[] points = [.. run.Validation.Where((_, i) => (run.Validation.Count - 1 - i) % every == 0)];
        List<ReportLine> lines = [new("Student", "student", [.. points.Select(point => (double?)(factor * point.Value))], [.. points.Select(point => point.NatsPerToken)])];
        if ((ofClasses ? run.Classes!.Teacher?[LoopSeries.ValidationAccuracy.Name] : run.TeacherPerplexity) is double teacher)
            lines.Add(new("Teacher", "teacher", [.. points.Select(_ => (double?)(factor * teacher))]));
        return new ReportChart(ofClasses ? ScoreTexts.Accuracy : PerplexityProtocol.Validation(run.ValidationTokens, run.FillsMasks).Name, "update", ofClasses ? "%" : "", [.. points.Select(point => Figures.Count(point.Step))], lines,
            At: [.. points.Select(point => (double)point.Step)], FromZero: false);
    }

    private static ReportChart Reliability(EvaluationBreakdown[] breakdowns)
    {
        EvaluationBreakdown Find(string name) => breakdowns.Single(breakdown => breakdown.Name == name);
        EvaluationBreakdown student = Find("Accuracy, student");
        double bins = student.Groups.Count;
        return new ReportChart("Reliability: how often the likeliest token came", student.By, "%", student.Groups,
            [
                new ReportLine("Perfectly calibrated", "ideal", [.. Enumerable.Range(0, student.Groups.Count).Select(bin => (double?)(100 * (bin + 0.5) / bins))]),
                new ReportLine("Student", "student", student.Values),
                new ReportLine("Teacher", "teacher", Find("Accuracy, teacher").Values),
            ], 100);
    }

    /// <summary>The chart in one sentence, for a screen reader.</summary>
    public string Summary
    {
        get
        {
            var text = new StringBuilder($"{Title} by {Axis}.");
            foreach (ReportLine line in Lines.Where(line => line.Class != "ideal"))
                text.Append(CultureInfo.InvariantCulture, $" {line.Name}: {string.Join(", ", Enumerable.Range(0, Groups.Count)
                    .Where(i => line.Values[i] is not null).Select(i => $"{Groups[i]} {Written(line, i)}"))}.");
            return text.ToString();
        }
    }

    /// <summary>The SVG element.</summary>
    public string ToSvg()
    {
        double[] drawn = [.. Lines.SelectMany(line => line.Values).Where(IsDrawn).OfType<double>()];
        double top = Top ?? (drawn.Length == 0 ? 1 : FromZero ? Math.Max(1e-12, drawn.Max()) : drawn.Max() + 0.05 * (drawn.Max() - drawn.Min()));
        double bottom = FromZero || drawn.Length == 0 ? 0 : drawn.Min() - 0.05 * (drawn.Max() - drawn.Min());
        if (top <= bottom)
            (top, bottom) = (top + 1, bottom - 1);
        IReadOnlyList<double> ticks = new ChartScale([bottom, top], logarithmic: false).RoundTicks();
        double step = (Width - Left - Right) / (double)Groups.Count;
        double X(int group) => At is null ? Left + step * (group + 0.5)
            : Left + (Width - Left - Right) * (At[^1] > At[0] ? (At[group] - At[0]) / (At[^1] - At[0]) : 0.5);
        double Y(double value) => Above + (Height - Above - Below) * (1 - (value - bottom) / (top - bottom));

        var svg = new StringBuilder();
        Append($"<svg class=\"report-chart\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(Summary)}\">");
        foreach (double tick in ticks)
        {
            Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(tick):0.#}\" y2=\"{Y(tick):0.#}\"/>");
            Append($"<text class=\"tick\" x=\"{Left - 8}\" y=\"{Y(tick) + 4:0.#}\" text-anchor=\"end\">{Encode(tick.ToString(tick < 1e6 ? "0.####" : "0.##e0", CultureInfo.InvariantCulture))}</text>");
        }
        // No more labels than have room, the last one among them.
        double free = double.PositiveInfinity;
        for (int i = Groups.Count - 1; i >= 0; i--)
        {
            double half = Groups[i].Length * CharacterWidth / 2;
            if (X(i) + half > free)
                continue;
            free = X(i) - half - BetweenLabels;
            Append($"<text class=\"tick\" x=\"{X(i):0.#}\" y=\"{Height - Below + 16}\" text-anchor=\"middle\">{Encode(Groups[i])}</text>");
        }
        Append($"<text class=\"axis\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">{Encode(Axis)}</text>");
        foreach (ReportLine line in Lines)
        {
            var path = new StringBuilder();
            bool isDown = false;
            for (int i = 0; i < Groups.Count; i++)
            {
                if (line.Values[i] is not double value || !IsDrawn(value))
                {
                    isDown = false;
                    continue;
                }
                path.Append(CultureInfo.InvariantCulture, $"{(isDown ? 'L' : 'M')}{X(i):0.#} {Y(value):0.#}");
                isDown = true;
            }
            Append($"<path class=\"line {line.Class}\" d=\"{path}\"/>");
            for (int i = 0; i < Groups.Count && line.Class != "ideal"; i++)
            {
                if (line.Values[i] is double value && IsDrawn(value))
                    Append($"<circle class=\"point {line.Class}\" cx=\"{X(i):0.#}\" cy=\"{Y(value):0.#}\" r=\"3\"><title>{Encode(
                        $"{line.Name}, {Groups[i]}: {Written(line, i)} {Unit}")}</title></circle>");
            }
        }
        return svg.Append("</svg>").ToString();

        void Append(FormattableString markup) => svg.Append(markup.ToString(CultureInfo.InvariantCulture));
    }

    private string Written(ReportLine line, int group) => Figures.Measured(line.Values[group]!.Value, Unit, line.Nats?[group]);

    private static bool IsDrawn(double? value) => value is double number && double.IsFinite(number);

    /// <summary>What is measured and cannot be drawn, in a sentence for below the chart; null when all is drawn.</summary>
    public string? LeftOut
    {
        get
        {
            string[] groups = [.. Lines.SelectMany(line => Enumerable.Range(0, Groups.Count)
                .Where(i => line.Values[i] is double value && !IsDrawn(value))
                .Select(i => $"{line.Name}, {Axis} {Groups[i]}: {Written(line, i)}"))];
            return groups.Length == 0 ? null
                : $"Not drawn: {string.Join("; ", groups.Take(MostNamed))}{(groups.Length > MostNamed ? $" and {groups.Length - MostNamed} more" : "")}.";
        }
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
