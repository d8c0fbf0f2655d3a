using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebDistill.Benchmarks;

/// <summary>What every measurement prints: one line of JSON.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Line(object result) => Console.WriteLine(JsonSerializer.Serialize(result, s_options));

    /// <summary>Largest resident memory of this process so far, bytes.</summary>
    public static long PeakResidentBytes
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }

    /// <summary>The middle value; of an even count the mean of the middle two.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("There is no median of no values.", nameof(values));
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Four significant digits: more would suggest a precision that no clock here has.</summary>
    public static double Rounded(double value)
    {
        if (value == 0 || !double.IsFinite(value))
            return value;
        int digits = 3 - (int)Math.Floor(Math.Log10(Math.Abs(value)));
        return digits >= 0 ? Math.Round(value, Math.Min(15, digits)) : Math.Round(value);
    }
}
