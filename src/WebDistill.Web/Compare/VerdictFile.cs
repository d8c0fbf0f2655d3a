using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using WebDistill.Web.Formats;
using static WebDistill.Web.Formats.TableText;

namespace WebDistill.Web.Compare;

/// <summary>One arm of a verdict, as its file says it.</summary>
/// <param name="Title">What tells it from the other arms.</param>
/// <param name="Seeds">Seeds with a complete run.</param>
/// <param name="Mean">Over the seeds; null before one is complete.</param>
/// <param name="HalfWidth">Of the 95 % interval of the mean; null for one seed.</param>
/// <param name="Difference">Mean of the differences from the reference, seed by seed; null for the reference itself.</param>
/// <param name="DifferenceHalfWidth">Of its interval, at the confidence of the verdict.</param>
/// <param name="Word">Against the reference: BEATS, NO BEATS or INCONCLUSIVE.</param>
/// <param name="Why">The same in a sentence.</param>
/// <param name="Runs">Ids of its complete runs with their seeds and values.</param>
public sealed record VerdictFileArm(
    string Title, int Seeds, double? Mean, double? HalfWidth, double? Difference, double? DifferenceHalfWidth, string? Word, string? Why,
    IReadOnlyList<VerdictValue> Runs);

/// <summary>A verdict on some runs, to be kept and shared: as JSON itself, as Markdown, and as one HTML file that needs nothing else.</summary>
/// <param name="CreatedAt">When it was put together, UTC.</param>
/// <param name="Word">BEATS, NO BEATS or INCONCLUSIVE.</param>
/// <param name="Sentence">The verdict in a sentence.</param>
/// <param name="Measure">What decided, with its protocol.</param>
/// <param name="About">How that was measured.</param>
/// <param name="Reference">The arm that the others are compared with; null before two arms have values.</param>
/// <param name="Confidence">Of each interval of a difference.</param>
/// <param name="Between">In what the arms differ.</param>
/// <param name="Rule">The rule.</param>
/// <param name="Arms">The arms, the best mean first.</param>
public sealed record VerdictFile(
    DateTime CreatedAt, string Word, string Sentence, string Measure, string About, string? Reference, double Confidence, string Between, string Rule,
    IReadOnlyList<VerdictFileArm> Arms)
{
    /// <summary>Whether the higher value is the better one, as of an accuracy; null where the values have no common scale, so that no arm is listed.</summary>
    public bool? HigherIsBetter { get; init; }

    // How Markdown and HTML write its numbers, which JSON has with all their digits.
    private VerdictMeasure? Written { get; init; }

    private string Decided => Written!.Direction is string direction ? $"Decided by: {Measure}, {direction}. {About}" : About;

    private const string Style = """
        :root{color-scheme:light dark;--text:light-dark(#191c20,#e8eaed);--soft:light-dark(#646b75,#939ba6);--line:light-dark(#e0e3e7,#272c33);
        --good:light-dark(#0b7a4b,#4cc38a);--bad:light-dark(#b42318,#ff8f85);--open:light-dark(#8f5600,#f0b050)}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:light-dark(#fff,#0f1114);max-width:960px;margin:32px auto;padding:0 24px}
        h1{font-size:32px;margin:0}.sentence{font-size:18px;max-width:70ch}p{color:var(--soft);max-width:90ch}.sentence{color:var(--text)}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:24px 0}th,td{text-align:left;padding:7px 12px 7px 0;border-bottom:1px solid var(--line)}
        th{color:var(--soft);font-weight:500}.number{text-align:right}.beats{color:var(--good)}.no{color:var(--bad)}.open{color:var(--open)}td:last-child{font-weight:600}
        @media(max-width:640px){body{padding:0 16px}table{display:block;overflow-x:auto}}@media print{body{margin:0;max-width:none}}
        """;

    private static readonly JsonSerializerOptions s_indented = new(WebJson.Measured) { WriteIndented = true };

    /// <summary>The formats by their names, with their media types.</summary>
    public static IReadOnlyList<(string Name, string Title, string ContentType)> Formats { get; } =
    [
        ("html", "HTML, one file", "text/html; charset=utf-8"), ("md", "Markdown", "text/markdown; charset=utf-8"), ("json", "JSON", "application/json"),
    ];

    /// <summary>What a page shows, as a file.</summary>
    public static VerdictFile Of(Verdict verdict, string between) => new(
        DateTime.UtcNow, Verdict.Text(verdict.Word), verdict.Sentence, verdict.Measure.Title, verdict.Measure.About, verdict.Reference?.Title, verdict.Confidence, between, Verdict.Rule,
        [.. verdict.Arms.Select(arm =>
        {
            VerdictComparison? comparison = verdict.Comparisons.FirstOrDefault(one => ReferenceEquals(one.Arm, arm));
            return new VerdictFileArm(arm.Title, arm.BySeed.Count, arm.Mean?.Mean, arm.Mean?.HalfWidth, comparison?.Difference?.Mean, comparison?.Difference?.HalfWidth,
                comparison is null ? null : Verdict.Text(comparison.Word), comparison?.Why, arm.Values);
        })]) { HigherIsBetter = verdict.Measure.HigherIsBetter, Written = verdict.Measure };

    /// <summary>The file's text.</summary>
    /// <param name="format">A name of <see cref="Formats"/>.</param>
    public string Write(string format) => format switch
    {
        "html" => Html(),
        "md" => Markdown(),
        _ => JsonSerializer.Serialize(this, s_indented),
    };

    private IEnumerable<string[]> Rows => Arms.Select(arm => (string[])
    [
        arm.Title, Number(arm.Mean), Half(arm.HalfWidth), arm.Seeds.ToString(CultureInfo.InvariantCulture),
        arm.Title == Reference && arm.Word is null ? "reference" : arm.Difference is double difference ? $"{(difference > 0 ? "+" : difference < 0 ? "\u2212" : "")}{Written!.WriteSize(Math.Abs(difference))} {Half(arm.DifferenceHalfWidth)}".Trim() : "–",
        arm.Word ?? "–",
    ]);

    private string[] Heads => ["Arm", "Mean", "95 % interval", "Seeds", Reference is null ? "Difference" : $"Against {Reference} ({Verdict.Share(Confidence)})", "Verdict"];

    private string Number(double? value) => value is double known ? Written!.Write(known) : "–";

    private string Half(double? value) => value is double known ? $"± {Written!.WriteSize(known)}" : "";

    private string Markdown()
    {
        var text = new StringBuilder();
        text.Append($"# {Word}\n\n**{MarkdownCell(Sentence)}**\n\n{MarkdownCell(Between)}\n");
        if (Arms.Count > 0)
            text.Append("\n| ").AppendJoin(" | ", Heads.Select(MarkdownCell)).Append(" |\n|---|---:|---:|---:|---:|---|\n");
        foreach (string[] row in Rows)
            text.Append("| ").AppendJoin(" | ", row.Select(MarkdownCell)).Append(" |\n");
        return text.Append(CultureInfo.InvariantCulture,
            $"\n{MarkdownCell(Decided)}\n\n{MarkdownCell(Rule)}\n\nPut together on {CreatedAt:yyyy-MM-dd HH:mm} UTC.\n").ToString();
    }

    private string Html()
    {
        string shade = Word switch { "BEATS" => "beats", "NO BEATS" => "no", _ => "open" };
        var html = new StringBuilder();
        html.Append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
            .Append($"<title>{Word}: {Text(Measure)}</title><style>{Style}</style></head>\n<body>\n<h1 class=\"{shade}\">{Word}</h1>\n")
            .Append($"<p class=\"sentence\">{Text(Sentence)}</p>\n<p>{Text(Between)}</p>\n");
        if (Arms.Count > 0)
            html.Append("<table><thead><tr>").AppendJoin("", Heads.Select((head, i) => $"<th{Class(i)}>{Text(head)}</th>")).Append("</tr></thead><tbody>\n");
        foreach (string[] row in Rows)
            html.Append("<tr>").AppendJoin("", row.Select((cell, i) => $"<td{Class(i)}>{Text(cell)}</td>")).Append("</tr>\n");
        return html.Append($"{(Arms.Count > 0 ? "</tbody></table>\n" : "")}<p>{Text(Decided)}</p>\n<p>{Text(Rule)}</p>\n")
            .Append(CultureInfo.InvariantCulture, $"<p>Put together by WebDistill on {CreatedAt:yyyy-MM-dd HH:mm} UTC.</p>\n</body></html>\n").ToString();

        static string Class(int column) => column is > 0 and < 5 ? " class=\"number\"" : "";
        static string Text(string text) => WebUtility.HtmlEncode(text);
    }
}
