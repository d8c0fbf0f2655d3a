using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>losses</c> prints what some steps compute, to the last bit; <c>loss-compare OLD NEW</c> lets two builds do so and says where they differ first:
/// the proof that a change of the code is none of the method.
/// </summary>
internal static class LossCompareCommand
{
    private const int Steps = 20;

    // What depends on the clock and the machine's load.
    private static readonly HashSet<string> s_measured = [LoopSeries.TokensPerSecond.Name, LoopSeries.StepSeconds.Name, LoopSeries.MemoryBytes.Name];

    public static Command CreateLosses()
    {
        var command = new Command("losses", $"{Steps} steps of a small distillation with dropout: every number that was computed, and a hash of the weights.");
        command.SetAction(_ => StepWorkload.OnThreadOfItsOwn(() =>
        {
            using var workload = new StepWorkload(StepWorkload.Teacher("tiny"), studentLayers: 3, batch: 2, context: 64, dropout: true);
            for (int i = 0; i < Steps; i++)
            {
                StepReport report = workload.Step();
                Console.WriteLine(string.Join(' ', report.Values.Where(value => !s_measured.Contains(value.Key)).OrderBy(value => value.Key, StringComparer.Ordinal)
                    .Select(value => $"{value.Key}={Text(value.Value)}").Prepend($"{report.Step} total={Text(report.TotalLoss)}")));
            }
            Console.WriteLine($"weights {workload.WeightsSha256()}");
        }));
        return command;
    }

    public static Command Create()
    {
        var old = new Argument<string>("OLD") { Description = "WebDistill.Benchmarks.dll of the one build" };
        var changed = new Argument<string>("NEW") { Description = "that of the other" };
        var command = new Command("loss-compare", "Whether two builds compute the same, to the last bit. Exit code 1 where they differ.") { old, changed };
        command.SetAction(result => Compare(Run(result.GetValue(old)!), Run(result.GetValue(changed)!)));
        return command;
    }

    private static int Compare(string[] before, string[] after)
    {
        for (int i = 0; i < Math.Max(before.Length, after.Length); i++)
        {
            string one = before.ElementAtOrDefault(i) ?? "nothing", other = after.ElementAtOrDefault(i) ?? "nothing";
            if (one == other)
                continue;
            Console.Error.WriteLine($"The builds differ first at:\n  {one}\n  {other}");
            return 1;
        }
        Report.Line(new { Benchmark = "lossCompare", Steps, Equal = true, Last = after[^1] });
        return 0;
    }

    private static string[] Run(string assembly)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [assembly, "losses"]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return process.ExitCode == 0 && lines.Length == Steps + 1 ? lines
            : throw new InvalidOperationException($"{assembly} losses ended with {process.ExitCode} and {lines.Length} lines, expected 0 and {Steps + 1}.");
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
