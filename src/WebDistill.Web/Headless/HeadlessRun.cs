using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Headless;

/// <summary>
/// <c>run OPTIONS.json</c> and <c>run --resume ID</c>: trains one run in the terminal, with the same database, checkpoints and life cycle as
/// the server and without its pages. What a cluster's scheduler starts.
/// </summary>
internal static class HeadlessRun
{
    /// <summary>Exit codes.</summary>
    internal const int Completed = 0, Failed = 3, StoppedByCtrlC = 130, Terminated = 143;

    private const string FileName = "OPTIONS.json";

    /// <summary>Describes the command.</summary>
    /// <param name="settings">Arguments that follow the command's own: settings of the host.</param>
    public static Command Create(string[] settings, string contentRoot) => HeadlessCommand.Create(
        "run", """
        Trains one run in the terminal. Ctrl-C saves a checkpoint and ends it.
        Exit code: 0 completed, 2 bad options, 3 failed or ended by a guard, 130 stopped by Ctrl-C after a checkpoint, 143 terminated after a checkpoint.
        """, FileName, "options of the run: the JSON that POST /api/runs takes",
        "let a run go on from its newest complete checkpoint", settings, contentRoot,
        async (services, file, id) => await TrainAsync(services, file is null
            ? await ResumeAsync(services, id)
            : await CreateAsync(services, file)));

    private static async Task<Run> CreateAsync(IServiceProvider services, string path)
    {
        (RunOptions options, IReadOnlyList<OptionProblem> unread) =
            JsonBody.Read<RunOptions>(await HeadlessCommand.ReadAsync(services, FileName, path));
        RunForecast forecast = await services.GetRequiredService<LaunchChecks>().ForecastAsync(options, CancellationToken.None);
        foreach (OptionProblem warning in forecast.Warnings)
            Console.WriteLine($"Warning: {warning.Field}: {warning.Message}");
        IReadOnlyList<OptionProblem> problems = OptionsInvalidException.Join(unread, forecast.Problems);
        if (problems.Any(problem => problem.Field is "data.datasetId" or "teacher.modelId" or "student.modelId"))
            await ListLibraryAsync(services);
        return problems.Count == 0
            ? await services.GetRequiredService<RunQueue>().EnqueueAsync(options, CancellationToken.None)
            : throw new OptionsInvalidException(problems);
    }

    /// <summary>Queues a run again that rests, under the rules of the pages; one that waits already needs nothing.</summary>
    internal static async Task<Run> ResumeAsync(IServiceProvider services, Guid id)
    {
        await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        return await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == id && run.Status == RunStatus.Queued)
            ?? await services.GetRequiredService<RunCommands>().ResumeAsync(id);
    }

    /// <summary>Names the data sets and models that a file can refer to.</summary>
    internal static async Task ListLibraryAsync(IServiceProvider services)
    {
        await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        Console.Error.WriteLine("Data sets:");
        foreach (Dataset dataset in await db.Datasets.AsNoTracking().OrderBy(dataset => dataset.Name).ToListAsync())
            Console.Error.WriteLine($"  {dataset.Id}  {dataset.Name} ({dataset.State})");
        Console.Error.WriteLine("Models:");
        foreach (Model model in await db.Models.AsNoTracking().OrderBy(model => model.Name).ToListAsync())
            Console.Error.WriteLine($"  {model.Id}  {model.Name}");
    }

    /// <summary>Trains a queued run with its progress on the terminal and returns the exit code of its end.</summary>
    internal static async Task<int> TrainAsync(IServiceProvider services, Run run)
    {
        var launcher = services.GetRequiredService<RunLauncher>();
        Console.WriteLine($"Run {run.Id} ({run.Name}): {run.Status}. Ctrl-C saves its state and stops it.");

        var shutdown = services.GetRequiredService<Shutdown>();
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            shutdown.Begin();
        });
        Task? stopping = null;
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            // A second one ends the process as it is: the last complete checkpoint stands.
            if (stopping is not null)
                return;
            context.Cancel = true;
            stopping = StopAsync();
        });

        Run ended = await new RunProgress(AnsiConsole.Console, TimeProvider.System).ShowAsync(launcher.TrainAsync(run.Id), ReadAsync);
        return ended.Status switch
        {
            RunStatus.Completed => Completed,
            _ when ended.ErrorCause == RunErrorCause.Guard => Failed,
            RunStatus.Stopped or RunStatus.Paused => StoppedByCtrlC,
            RunStatus.Interrupted => Terminated,
            _ => Failed,
        };

        async Task StopAsync()
        {
            try
            {
                await services.GetRequiredService<RunCommands>().StopAsync(run.Id);
            }
            catch (ConflictException)
            {
                // It has just ended by itself.
            }
        }

        async Task<Run> ReadAsync()
        {
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            return await db.Runs.AsNoTracking().SingleAsync(row => row.Id == run.Id);
        }
    }
}
