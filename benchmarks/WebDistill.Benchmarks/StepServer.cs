namespace WebDistill.Benchmarks;

/// <summary>
/// The peer's side of <c>paired</c>: says who it is, then makes one step for each line of its input and answers with one line of JSON, until the
/// input ends.
/// </summary>
internal static class StepServer
{
    /// <param name="step">Makes one step and returns its seconds.</param>
    public static void Run(string name, Func<double> step)
    {
        Report.Line(new { name });
        while (Console.In.ReadLine() is not null)
        {
            double seconds = step();
            Report.Line(new { seconds, peakResidentBytes = Report.PeakResidentBytes });
        }
    }
}
