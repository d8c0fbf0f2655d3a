using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Components.Controls;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Headless;

/// <summary>
/// <c>sweep PLAN.json</c> and <c>sweep --resume ID</c>: trains the runs of a sweep one after the other in the terminal, each as
/// <see cref="HeadlessRun"/> does. One that fails is reported and the next goes on; a signal ends the sweep with the run it meets.
/// </summary>
internal static class HeadlessSweep
{
    /// <summary>The word that asks for it.</summary>
    public const string Command = "sweep";

    private const string Usage = """
        Usage: sweep PLAN.json             train a sweep with this plan (the JSON that POST /api/sweeps takes)
               sweep --resume SWEEP_ID     go on with those of its runs that are not complete
        Any setting of appsettings.json can follow, for example --Storage:Root=/data/webdistill.
        Exit code: 0 every run completed, 2 bad plan, 3 at least one run failed, 130 stopped by Ctrl-C after a checkpoint,
        143 terminated after a checkpoint.
        """;

    /// <summary>Trains a sweep and returns the process's exit code.</summary>
    /// <param name="arguments">What follows the word "sweep".</param>
    public static Task<int> ExecuteAsync(string[] arguments, string contentRoot) =>
        HeadlessRun.ExecuteAsync(arguments, contentRoot, Usage, async (services, resumes, value) =>
            await TrainAsync(services, resumes ? Id(value) : await CreateAsync(services, value)));

    private static async Task<Guid> CreateAsync(IServiceProvider services, string path)
    {
        (SweepPlan plan, IReadOnlyList<OptionProblem> unread) = SweepPlanJson.Read(await HeadlessRun.ReadAsync(services, path));
        if (unread.Count > 0)
            throw new OptionsInvalidException(unread);
        var planner = services.GetRequiredService<SweepPlanner>();
        try
        {
            return (await planner.LaunchAsync(plan)).Id;
        }
        catch (OptionsInvalidException e) when (e.Problems.Any(problem =>
            problem.Field.EndsWith("datasetId", StringComparison.Ordinal) || problem.Field.EndsWith("teacherId", StringComparison.Ordinal)
            || problem.Field.EndsWith("studentModelId", StringComparison.Ordinal)))
        {
            await HeadlessRun.ListLibraryAsync(services);
            throw;
        }
    }

    private static Guid Id(string text) => Guid.TryParse(text, out Guid id) ? id
        : throw new OptionsInvalidException("--resume", $"The value is '{text}', expected the id of a sweep.");

    private static async Task<int> TrainAsync(IServiceProvider services, Guid id)
    {
        var reports = services.GetRequiredService<SweepReports>();
        SweepReport report = await reports.GetAsync(id);
        Console.WriteLine($"Sweep {id} ({report.Sweep.Name}): {report.CompletedCount} of {report.RunCount} runs are complete.");
        int number = 0, worst = HeadlessRun.Completed;
        foreach (SweepRun planned in report.Runs.ToList())
        {
            number++;
            if (planned.Run.Status == RunStatus.Completed)
                continue;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"--- {number} of {report.RunCount}"));
            Run run = await services.GetRequiredService<RunLifecycle>().MoveAsync(planned.Run.Id, _ => RunStatus.Queued);
            int code = await HeadlessRun.TrainAsync(services, run);
            if (code is HeadlessRun.StoppedByCtrlC or HeadlessRun.Terminated)
            {
                Console.WriteLine($"The sweep can go on: sweep --resume {id}");
                return code;
            }
            if (code != HeadlessRun.Completed)
                worst = HeadlessRun.Failed;
        }
        Print(await reports.GetAsync(id));
        return worst;
    }

    private static void Print(SweepReport report)
    {
        Console.WriteLine();
        Console.WriteLine($"{report.Sweep.Name}: {report.CompletedCount} of {report.RunCount} runs are complete. "
            + $"{report.Plan.Metric.Title()}, mean ± 95 % interval over n runs:");
        foreach (SweepGroup group in report.Groups)
        {
            string figure = group.Mean is not SampleMean mean ? "no complete run"
                : report.Plan.Metric.Write(mean.Mean, group.MeanNatsPerToken)
                    + (mean.HalfWidth is double half ? $" {report.Plan.Metric.WriteHalfWidth(half)}" : "") + $"  (n = {mean.Count})";
            Console.WriteLine($"  {group.Title}: {figure}{(group.IsBest ? "  best" : "")}");
        }
        foreach (SweepRun failed in report.Runs.Where(run => run.Run.Status != RunStatus.Completed))
            Console.WriteLine($"  {failed.Run.Status}: {failed.Run.Name}. {failed.Run.Error}".TrimEnd());
        if (report.CompletedCount < report.RunCount)
            Console.WriteLine($"The sweep can go on with what is not complete: sweep --resume {report.Sweep.Id}");
    }
}
