using System.Globalization;
using System.Text.RegularExpressions;
using WebDistill.Distillation.Options;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>Several numbers of an option written as one text: from, to, how many of them and whether their logarithms or they are evenly spaced.</summary>
/// <remarks>"1..20 log 5" is 1, 2.115, 4.472, 9.457, 20; "0..1 5" is 0, 0.25, 0.5, 0.75, 1; "1..4" of a whole number is 1, 2, 3, 4.</remarks>
public static partial class Spread
{
    private const int Most = 50, Digits = 4;

    /// <summary>Whether a text is meant as one.</summary>
    public static bool IsOne(string text) => text.Contains("..", StringComparison.Ordinal);

    /// <summary>The numbers, as the form writes them, without repetitions; whole ones for an option that is a whole number.</summary>
    /// <exception cref="FormatException">It cannot be read; says how to write one.</exception>
    public static IReadOnlyList<string> Read(OptionField field, string text)
    {
        if (Written().Match(text) is not { Success: true } match)
            throw new FormatException($"“{text}” is no range. Write it like 1..20 log 5: from, to, “log” for even ratios, how many.");
        double from = RunDraft.ParseNumber(match.Groups["from"].Value), to = RunDraft.ParseNumber(match.Groups["to"].Value);
        bool isLogarithmic = match.Groups["log"].Success, isWhole = field.Kind == OptionKind.Integer;
        if (!(from < to))
            throw new FormatException($"“{text}” goes from {match.Groups["from"].Value} to {match.Groups["to"].Value}. The first must be the smaller number.");
        if (isLogarithmic && from <= 0)
            throw new FormatException($"“{text}” has even ratios from {match.Groups["from"].Value}, and a ratio needs more than 0. Raise the first number.");
        double count = match.Groups["count"].Success ? double.Parse(match.Groups["count"].Value, CultureInfo.InvariantCulture) : isWhole && !isLogarithmic ? to - from + 1
            : throw new FormatException($"“{text}” does not say how many numbers. Write it like {text.Trim()} 5.");
        if (!(count >= 2 && count <= Most))
            throw new FormatException($"“{text}” has {count.ToString("0.####", CultureInfo.InvariantCulture)} numbers, expected 2 to {Most}.");
        return [.. Enumerable.Range(0, (int)count).Select(i => i / (Math.Floor(count) - 1)).Select(place => place == 0 ? from : place == 1 ? to
                : Rounded(isLogarithmic ? from * Math.Pow(to / from, place) : from + (to - from) * place))
            .Select(number => isWhole ? Math.Round(number) : number).Distinct().Select(number => RunDraft.Write(System.Text.Json.Nodes.JsonValue.Create(number)))];
    }

    // What a table can show is what is trained with.
    private static double Rounded(double number) =>
        double.Parse(number.ToString($"E{Digits - 1}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\s*(?<from>\S+?)\.\.(?<to>\S+)(\s+(?<log>log))?(\s+(?<count>\d{1,6}))?\s*$")]
    private static partial Regex Written();
}
