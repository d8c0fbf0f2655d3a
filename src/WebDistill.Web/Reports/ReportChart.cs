using System.Globalization;
using System.Net;
using System.Text;
using WebDistill.Distillation.Evaluation;
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
public sealed record ReportChart(
    string Title, string Axis, string Unit, IReadOnlyList<string> Groups, IReadOnlyList<ReportLine> Lines, double? Top = null)
{
    private const int MostNamed = 5;
    private const int Width = 480, Height = 240, Left = 56, Right = 12, Above = 12, Below = 46;

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
        double top = Top ?? Math.Max(1e-12, Lines.SelectMany(line => line.Values).Where(IsDrawn).Max() ?? 1);
        IReadOnlyList<double> ticks = new ChartScale([0, top], logarithmic: false).RoundTicks();
        double step = (Width - Left - Right) / (double)Groups.Count;
        double X(int group) => Left + step * (group + 0.5);
        double Y(double value) => Above + (Height - Above - Below) * (1 - value / top);

        var svg = new StringBuilder();
        Append($"<svg class=\"report-chart\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(Summary)}\">");
        foreach (double tick in ticks)
        {
            Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(tick):0.#}\" y2=\"{Y(tick):0.#}\"/>");
            Append($"<text class=\"tick\" x=\"{Left - 8}\" y=\"{Y(tick) + 4:0.#}\" text-anchor=\"end\">{Encode(tick.ToString(tick < 1e6 ? "0.####" : "0.##e0", CultureInfo.InvariantCulture))}</text>");
        }
        // No more labels than have room.
        int every = (int)Math.Ceiling(Groups.Max(group => group.Length) * 6.2 / step);
        for (int i = 0; i < Groups.Count; i += every)
            Append($"<text class=\"tick\" x=\"{X(i):0.#}\" y=\"{Height - Below + 16}\" text-anchor=\"middle\">{Encode(Groups[i])}</text>");
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
