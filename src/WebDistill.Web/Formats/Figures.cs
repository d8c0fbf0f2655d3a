using System.Globalization;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;

namespace WebDistill.Web.Formats;

/// <summary>
/// How numbers are written on every page: thin separators, two decimals for a perplexity, four for a loss, powers of ten where digits would
/// run on; one that is not finite is called what <see cref="NotFinite"/> calls it.
/// </summary>
public static class Figures
{
    // Narrow and without a break: a number never wraps within itself.
    private const char ThinSpace = '\u202f';
    private static readonly NumberFormatInfo Format = new() { NumberGroupSeparator = ThinSpace.ToString(), NumberDecimalSeparator = "." };

    // From here on a number is written as a power of ten: more digits than a reader takes in.
    private const double Long = 1e9;

    // One that is not finite by its name, a long one as a power of ten, all others as the format says.
    private static string Write(double value, string format) =>
        NotFinite.Text(value) ?? value.ToString(Math.Abs(value) < Long ? format : "0.00e0", Format);

    /// <summary>1 234 567.</summary>
    public static string Count(long value) => value.ToString("#,0", Format);

    /// <summary>"1 layer", "12 layers".</summary>
    public static string Layers(int? count) => count == 1 ? "1 layer" : $"{count} layers";

    /// <summary>What a number counts, as it stands behind it: "batch" behind "1", "batches" behind every other one.</summary>
    /// <param name="plural">In the plural; what is no plural stays as it is.</param>
    /// <param name="number">As it is written.</param>
    public static string Unit(string plural, string? number) => number?.Trim() != "1" || plural.Contains(' ') || !plural.EndsWith('s') ? plural
        : plural.EndsWith("ches", StringComparison.Ordinal) || plural.EndsWith("sses", StringComparison.Ordinal) ? plural[..^2] : plural[..^1];

    /// <summary>124.4 M, 8.9 k, 312: three significant digits.</summary>
    public static string Short(double value)
    {
        if (!(Math.Abs(value) < 1e15))
            return Write(value, "0");
        (double scale, string suffix) = Math.Abs(value) switch
        {
            >= 1e9 => (1e9, "G"),
            >= 1e6 => (1e6, "M"),
            >= 1e3 => (1e3, "k"),
            _ => (1, ""),
        };
        double scaled = value / scale;
        string digits = scaled.ToString(Math.Abs(scaled) < 10 && suffix != "" ? "0.0#" : Math.Abs(scaled) < 100 && suffix != "" ? "0.0" : "0", Format);
        return suffix == "" ? digits : $"{digits}{ThinSpace}{suffix}";
    }

    /// <summary>Bytes in powers of 1000, as disks are sold: 412 MB.</summary>
    public static (string Value, string Unit) Bytes(long bytes) => bytes switch
    {
        < 1000 => (bytes.ToString(Format), "bytes"),
        < 1_000_000 => ((bytes / 1e3).ToString("0.0", Format), "kB"),
        < 1_000_000_000 => ((bytes / 1e6).ToString(bytes < 10_000_000 ? "0.0" : "0", Format), "MB"),
        < 1_000_000_000_000 => ((bytes / 1e9).ToString("0.0", Format), "GB"),
        _ => ((bytes / 1e12).ToString("#,0.0", Format), "TB"),
    };

    /// <summary>The same in one string.</summary>
    public static string BytesText(long bytes) => Bytes(bytes) is var (value, unit) ? $"{value}{ThinSpace}{unit}" : "";

    public static string Loss(double value) => Write(value, Math.Abs(value) >= 1000 ? "0.0" : "0.0000");

    public static string Perplexity(double value) => Write(value, value >= 100_000 ? "0.00e0" : "#,0.00");

    /// <summary>A perplexity, with its mean loss beside it where it is not finite: over 1e308 (3000.1 nats/token).</summary>
    public static string Perplexity(Perplexity measured) => Perplexity(measured.Value) + Beside(measured.Value, measured.NatsPerToken, "token");

    /// <summary>So many significant digits and no more, for what is not known better: 1 300, 0.012, 2.5.</summary>
    public static string Significant(double value, int digits)
    {
        if (value == 0 || !double.IsFinite(value))
            return Write(value, "0");
        int power = (int)Math.Floor(Math.Log10(Math.Abs(value))) + 1 - digits;
        double rounded = power > 0 ? Math.Round(value / Math.Pow(10, power)) * Math.Pow(10, power) : value;
        return Math.Abs(value) < 1e-4 ? Scientific(value) : Write(rounded, power >= 0 ? "#,0" : "0." + new string('0', -power));
    }

    /// <summary>Two decimals, for a ratio such as bytes per token.</summary>
    public static string Decimal(double value) => Write(value, "0.00");

    /// <summary>An evaluation's figure as <see cref="Measured(double, string)"/> writes it, a perplexity that is not finite with its mean
    /// loss: over 1e308 (1234.5 nats per word of the original text).</summary>
    public static string Measured(double value, string unit, double? nats) => Measured(value, unit) + Beside(value, nats, unit);

    private static string Beside(double value, double? nats, string unit) => double.IsFinite(value) || nats is not double loss ? ""
        : $" ({Loss(loss)} nats{(unit.StartsWith("per ", StringComparison.Ordinal) ? " " : "/")}{unit})";

    /// <summary>A measured figure of any kind, without its unit unless that is bytes: four significant digits at least, two of a speed.</summary>
    public static string Measured(double value, string unit) => unit switch
    {
        "bytes" when double.IsFinite(value) => BytesText((long)value),
        "parameters" => Short(value),
        // No machine runs so evenly that a third digit of its speed would be the same tomorrow.
        "tokens/s" or "ms" when double.IsFinite(value) => Significant(value, 2),
        _ => NotFinite.Text(value) ?? value.ToString(Math.Abs(value) switch
        {
            >= 1e6 => "0.000e0",
            >= 1000 => "#,0",
            >= 100 => "0.0",
            >= 10 => "0.00",
            _ => "0.000",
        }, Format),
    };

    /// <summary>A unit as it stands after such a figure. What the figure's name says already is not said again.</summary>
    public static string UnitOf(string unit) => unit switch
    {
        "bytes" or "parameters" or "per BPE token" or "per word of the original text" => "",
        "bits/byte of the original text" or "bits/byte" => "",
        _ => unit,
    };

    /// <summary>From the lowest to the highest of some repeats: "1 200 to 1 400"; null where they were not kept.</summary>
    public static string? Spread(double? lowest, double? highest, string unit) =>
        lowest is double least && highest is double most ? $"{Measured(least, unit)} to {Measured(most, unit)}" : null;

    /// <summary>How many times as large, of something that is known to two digits: ×1.7.</summary>
    public static string SpeedRatio(double ratio) => (double.IsFinite(ratio) ? "×" : "") + Significant(ratio, 2);

    /// <summary>How many times as large: ×1.03.</summary>
    public static string Ratio(double ratio) =>
        (double.IsFinite(ratio) ? "×" : "") + Write(ratio, ratio < 0.1 ? "0.0000" : ratio < 100 ? "0.000" : "#,0");

    /// <summary>Unsigned, for progress: 42 %.</summary>
    public static string Share(double ratio) => Write(Math.Floor(100 * Math.Clamp(ratio, 0, 1)), "0") + ThinSpace + "%";

    /// <summary>Rounded, without decimals, for how large something is beside another: 58 %.</summary>
    public static string Part(double ratio) => Write(100 * ratio, ratio < 0.0995 ? "0.0" : "0") + ThinSpace + "%";

    /// <summary>Signed, for a gap: +4.2 %.</summary>
    public static string Percent(double ratio) =>
        NotFinite.Text(100 * ratio) is null ? (ratio >= 0 ? "+" : "\u2212") + Unsigned(ratio) : Unsigned(ratio);

    /// <summary>A difference of two perplexities, with its sign and at least two significant digits: +0.12, −0.0034, +12.30.</summary>
    public static string Signed(double difference) => NotFinite.Text(difference) ?? (difference == 0 ? "±0"
        : (difference > 0 ? "+" : "\u2212") + (Math.Abs(difference) < 0.1 ? Significant(Math.Abs(difference), 2) : Perplexity(Math.Abs(difference))));

    /// <summary>A share of right answers: 91.30 %.</summary>
    public static string Accuracy(double share) => Write(100 * share, "0.00") + ThinSpace + "%";

    /// <summary>A difference of two shares with its sign, in percentage points: +1.20 points.</summary>
    public static string Points(double difference) => $"{(Math.Round(100 * difference, 2) == 0 ? "±" : difference > 0 ? "+" : "\u2212")}{UnsignedPoints(difference)}";

    /// <summary>The same without a sign: 1.20 points.</summary>
    public static string UnsignedPoints(double difference) => $"{Write(Math.Abs(100 * difference), "0.00")} points";

    /// <summary>Unsigned, for a width: 4.2 %.</summary>
    public static string Unsigned(double ratio) => NotFinite.Text(100 * ratio) is string word
        ? double.IsNaN(ratio) ? word : $"{word}{ThinSpace}%"
        : Write(Math.Abs(100 * ratio), "0.0") + ThinSpace + "%";

    /// <summary>0.00025 as 2.5e-4.</summary>
    public static string Scientific(double value) => value == 0 ? "0" : NotFinite.Text(value) ?? value.ToString("0.##e0", Format);

    /// <summary>Seconds as <see cref="Duration(TimeSpan)"/> writes them; so many that no clock counts them stay seconds.</summary>
    public static string Duration(double seconds) => Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds / 2
        ? Duration(TimeSpan.FromSeconds(seconds))
        : $"{Write(seconds, "0")} s";

    /// <summary>Under 1 s, 42 s, 3 min 12 s, 2 h 05 min, 3 d 4 h.</summary>
    public static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.Zero) time = TimeSpan.Zero;
        if (time.TotalSeconds < 1) return "under 1 s";
        if (time.TotalSeconds < 60) return $"{(int)time.TotalSeconds} s";
        if (time.TotalMinutes < 60) return $"{(int)time.TotalMinutes} min {time.Seconds:00} s";
        return time.TotalHours < 48 ? $"{(int)time.TotalHours} h {time.Minutes:00} min" : $"{(int)time.TotalDays} d {time.Hours} h";
    }

    /// <summary>"1 update", "12 updates".</summary>
    public static string Counted(long count, string one, string more) => $"{Count(count)} {(count == 1 ? one : more)}";

    /// <summary>A place in an order: 1st, 2nd, 11th.</summary>
    public static string Ordinal(long place) => Count(place) + ((place % 100, place % 10) switch
    {
        (>= 11 and <= 13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    });

    /// <summary>An estimated time, with no more digits than an estimate has: 40 s, 12 min, 1 h 20 min, 7 h, 3 d 4 h.</summary>
    public static string Rough(double seconds) => seconds switch
    {
        < 115 => $"{Math.Max(5, 5 * Math.Round(seconds / 5)):0} s",
        < 59.5 * 60 => $"{Math.Round(seconds / 60):0} min",
        < 4.9 * 3600 => Duration(300 * Math.Round(seconds / 300)),
        < 47.5 * 3600 => $"{Math.Round(seconds / 3600):0} h",
        _ => Duration(3600 * Math.Round(seconds / 3600)),
    };

    /// <summary>A range of estimated times: 8 min to 11 min; one of them where both are written alike.</summary>
    public static string Rough(double least, double most) => Rough(least) is string low && Rough(most) is string high && low != high ? $"{low} to {high}" : Rough(most);

    /// <summary>A text of at most so many characters, the last one an ellipsis where something was cut off.</summary>
    public static string Cut(string text, int most) => text.Length <= most ? text : text[..(most - 1)].TrimEnd() + "…";

    /// <summary>A token on a line of its own: its blanks and line breaks are drawn.</summary>
    public static string Token(string text) => text.Replace(' ', '␣').Replace("\n", "⏎");

    /// <summary>One decimal, for a probability: 12.3 %, and &lt; 0.1 % below that.</summary>
    public static string Probability(double probability) =>
        (probability is > 0 and < 0.001 ? "< 0.1" : Write(100 * probability, "0.0")) + ThinSpace + "%";

    /// <summary>As a form field shows it: the shortest text that reads back as the same number.</summary>
    public static string Exact(double value) => NotFinite.Text(value) ?? value.ToString("R", CultureInfo.InvariantCulture);
}
