using WebDistill.Distillation.Files;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Guards;

/// <summary>Recorded updates without a training behind them: a loss that falls, with noise, a second each.</summary>
internal static class Rows
{
    public static RunOptions Options { get; } = new() { Teacher = new() { ModelId = "t" }, Objective = Terms.Of(), Guards = new() { Preset = GuardPreset.Act } };

    /// <param name="change">Makes another report of that of an update.</param>
    public static IEnumerable<StepReport> Falling(int count, double noise = 0.03, Func<StepReport, StepReport>? change = null)
    {
        var random = new SeededRandom(count);
        for (int step = 1; step <= count; step++)
        {
            // The held-out text is the same every time: what it measures has not the noise of the batches.
            double level = 1.5 + 4 * Math.Pow(step, -0.4), loss = level * (1 + noise * Normal(random));
            double second = 1 + 0.1 * Math.Abs(Normal(random));
            var report = new StepReport(step, step / 100.0, 1000L * step, loss, new Dictionary<string, double>
            {
                ["ce"] = loss / 10, ["clm"] = loss / 4, ["cos"] = loss / 40,
                [LoopSeries.LearningRate.Name] = 5e-4, [LoopSeries.GradientNorm.Name] = 1 + 0.2 * Math.Abs(Normal(random)),
                [LoopSeries.StepSeconds.Name] = second, [LoopSeries.TokensPerSecond.Name] = 1000 / second, [LoopSeries.MemoryBytes.Name] = 3e8,
            });
            if (step % 20 == 0)
                report = report.With((LoopSeries.ValidationNatsPerToken, level / 4), (LoopSeries.ValidationPerplexity, Math.Exp(level / 4)));
            yield return change?.Invoke(report) ?? report;
        }
    }

    /// <summary>Everything that the guards of a run saw, each update told as it came.</summary>
    public static List<Sighting> Watched(IEnumerable<StepReport> reports, RunOptions? options = null, int totalSteps = 1000)
    {
        var watch = new RunWatch(options ?? Options, hasTeacher: true, totalSteps);
        return [.. reports.SelectMany(report => watch.After(report, report[LoopSeries.StepSeconds.Name]))];
    }

    private static double Normal(SeededRandom random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
