using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Compare;
using WebDistill.Web.Failures;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Headless;

/// <summary>
/// <c>sweep PLAN.json</c> and <c>sweep --resume ID</c>: trains the runs of a sweep one after the other in the terminal, each as
/// <see cref="HeadlessRun"/> does. One that fails is reported and the next goes on; a signal ends the sweep with the run it meets.
/// </summary>
internal static class HeadlessSweep
{
    private const string FileName = "PLAN.json";

    /// <summary>Describes the command.</summary>
    /// <param name="settings">Arguments that follow the command's own: settings of the host.</param>
    public static Command Create(string[] settings, string contentRoot) => HeadlessCommand.Create(
        "sweep", """
        Trains the runs of a sweep in the terminal, one after the other. Ctrl-C saves a checkpoint of the run it meets and ends the sweep.
        Exit code: 0 every run completed, or was ended by successive halving, 2 bad plan, 3 at least one run failed or was ended by a guard, 130 stopped by Ctrl-C after a checkpoint,
        143 terminated after a checkpoint.
        """, FileName, "plan of the sweep: the JSON that POST /api/sweeps takes",
        "go on with those runs of a sweep that are not complete", settings, contentRoot,
        async (services, file, id) => await TrainAsync(services, file is null ? id : await CreateAsync(services, file)));

    private static async Task<Guid> CreateAsync(IServiceProvider services, string path)
    {
        (SweepPlan plan, IReadOnlyList<OptionProblem> unread) = SweepPlanJson.Read(await HeadlessCommand.ReadAsync(services, FileName, path));
        if (unread.Count > 0)
            throw new OptionsInvalidException(unread);
        var planner = services.GetRequiredService<SweepPlanner>();
        try
        {
            return (await planner.LaunchAsync(plan)).Id;
        }
        catch (OptionsInvalidException e) when (e.Problems.Any(problem =>
            problem.Field.EndsWith("data.datasetId", StringComparison.Ordinal) || problem.Field.EndsWith("teacher.modelId", StringComparison.Ordinal)
            || problem.Field.EndsWith("student.modelId", StringComparison.Ordinal)))
        {
            await HeadlessRun.ListLibraryAsync(services);
            throw;
        }
    }

    private static async Task<int> TrainAsync(IServiceProvider services, Guid id)
    {
        var reports = services.GetRequiredService<SweepReports>();
        SweepReport report = await reports.GetAsync(id);
        Console.WriteLine($"Sweep {id} ({report.Sweep.Name}): {report.CompletedCount} of {report.RunsInAll} runs are complete.");
        var rungs = services.GetRequiredService<SweepRungs>();
        var proposals = services.GetRequiredService<SweepProposals>();
        int worst = HeadlessRun.Completed;
        // What was decided when the process ended is carried out before anything is trained.
        // What Ctrl-C stopped goes on first: it has not ended.
        if (!report.Runs.Any(run => IsStopped(run.Run)))
            await AdvanceAsync();
        HashSet<(Guid, int?)> tried = [];
        while ((report = await reports.GetAsync(id)).Runs.FirstOrDefault(run => GoesOn(report.Plan, run.Run) && !tried.Contains((run.Run.Id, run.Run.RestAtStep))) is SweepRun planned)
        {
            tried.Add((planned.Run.Id, planned.Run.RestAtStep));
            int number = report.Runs.TakeWhile(run => run.Run.Id != planned.Run.Id).Count() + 1;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"--- {number} of {report.RunsInAll}"));
            Run run = await HeadlessRun.ResumeAsync(services, planned.Run.Id);
            int code = await HeadlessRun.TrainAsync(services, run);
            Run after = (await reports.GetAsync(id)).Runs.First(one => one.Run.Id == run.Id).Run;
            if (after is { Status: RunStatus.Paused, ErrorCause: null } && after.Step >= after.RestAtStep)
            {
                Console.WriteLine($"Rests at update {after.Step} until the sweep decides.");
                await AdvanceAsync();
                continue;
            }
            if (code is HeadlessRun.StoppedByCtrlC or HeadlessRun.Terminated)
            {
                Console.WriteLine($"The sweep can go on: sweep --resume {id}");
                return code;
            }
            if (code != HeadlessRun.Completed)
                worst = HeadlessRun.Failed;
            // A run that failed may have been the last one that its rung, or the next point, waited for.
            await AdvanceAsync();
        }
        Print(await reports.GetAsync(id));
        return worst;

        async Task AdvanceAsync()
        {
            await rungs.AdvanceAsync(id);
            await proposals.AdvanceAsync(id);
        }
    }

    // Everything that is not complete; where points are halved or proposed not what has ended by itself, which counts as it was compared, nor what rests until that.
    private static bool GoesOn(SweepPlan plan, Run run) => plan.Halving is null && plan.Strategy != SweepStrategy.Bayesian ? run.Status != RunStatus.Completed
        : run.Status is RunStatus.Queued or RunStatus.Interrupted || IsStopped(run) || run.Status == RunStatus.Paused && !(run.Step >= run.RestAtStep);

    // By Ctrl-C, or by a person: not by a guard, nor by its sweep.
    private static bool IsStopped(Run run) => run is { Status: RunStatus.Stopped, ErrorCause: null };

    private static void Print(SweepReport report)
    {
        Console.WriteLine();
        Console.WriteLine($"{report.Sweep.Name}: {report.CompletedCount} of {report.RunsInAll} runs are complete. "
            + $"{report.Plan.Metric.Title()}, mean ± 95 % interval over n runs:");
        if (RunProgress.IsTerminal(AnsiConsole.Console))
            AnsiConsole.Write(Table(report));
        else
            foreach (SweepGroup group in report.Groups)
                Console.WriteLine($"  {group.Title}: {Figure(report, group)}{(group.IsBest ? "  best" : "")}");
        foreach (SweepRun failed in report.Runs.Where(run => run.Run.Status != RunStatus.Completed))
            Console.WriteLine($"  {failed.Run.Status}: {failed.Run.Name}.{(failed.Run.FailureId() is { } id ? id.After($" {failed.Run.Error}") : failed.Run.Error is string why ? $" {why}" : "")}");
        if (!report.IsDone)
            Console.WriteLine($"The sweep can go on with what is not complete: sweep --resume {report.Sweep.Id}");
    }

    /// <summary>The groups as a table, the best one marked.</summary>
    internal static Table Table(SweepReport report)
    {
        Table table = new Table().AddColumns("", Markup.Escape(report.Plan.Metric.Title()), "");
        foreach (SweepGroup group in report.Groups)
            table.AddRow(Markup.Escape(group.Title), Markup.Escape(Figure(report, group)), group.IsBest ? "best" : "");
        return table;
    }

    private static string Figure(SweepReport report, SweepGroup group) => group.Mean is not SampleMean mean
        ? "no complete run"
        : report.Plan.Metric.Write(mean.Mean, group.MeanNatsPerToken)
            + (mean.HalfWidth is double half ? $" {report.Plan.Metric.WriteHalfWidth(half)}" : "") + $"  (n = {mean.Count})";
}
