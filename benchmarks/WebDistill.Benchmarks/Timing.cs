using System.Diagnostics;

namespace WebDistill.Benchmarks;

/// <summary>The one stopwatch of the measurements, in seconds.</summary>
internal static class Timing
{
    private const int SmallestCount = 3;

    /// <summary>Of one call.</summary>
    public static double Seconds(Action action)
    {
        long started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Of each of many calls, for about <paramref name="totalSeconds"/> and at least three times.</summary>
    public static List<double> Repeated(double totalSeconds, Action action)
    {
        var seconds = new List<double>();
        for (double total = 0; total < totalSeconds || seconds.Count < SmallestCount; total += seconds[^1])
            seconds.Add(Seconds(action));
        return seconds;
    }
}
