using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Api;
using WebDistill.Web.Notifications;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Headless;

/// <summary>
/// <c>run OPTIONS.json</c> and <c>run --resume ID</c>: trains one run in the terminal, with the same database, checkpoints and life cycle as
/// the server and without its pages. What a cluster's scheduler starts.
/// </summary>
internal static class HeadlessRun
{
    /// <summary>The word that asks for it.</summary>
    public const string Command = "run";

    /// <summary>Exit codes.</summary>
    internal const int Completed = 0, BadOptions = 2, Failed = 3, StoppedByCtrlC = 130, Terminated = 143;

    private const string Usage = """
        Usage: run OPTIONS.json            train a run with these options (the JSON that POST /api/runs takes)
               run --resume RUN_ID         let a run go on from its newest complete checkpoint
        Any setting of appsettings.json can follow, for example --Storage:Root=/data/webdistill.
        Exit code: 0 completed, 2 bad options, 3 failed, 130 stopped by Ctrl-C after a checkpoint, 143 terminated after a checkpoint.
        """;

    /// <summary>Trains one run and returns the process's exit code.</summary>
    /// <param name="arguments">What follows the word "run".</param>
    public static async Task<int> ExecuteAsync(string[] arguments, string contentRoot)
    {
        return await ExecuteAsync(arguments, contentRoot, Usage, async (services, resumes, value) =>
            await TrainAsync(services, resumes ? await ResumeAsync(services, value) : await CreateAsync(services, value)));
    }

    /// <summary>What the commands "FILE" and "--resume ID" share: the host, the notifications, the words for what is wrong.</summary>
    /// <param name="execute">Does the work with the services, whether it resumes, and the file or the id; returns the exit code.</param>
    internal static async Task<int> ExecuteAsync(
        string[] arguments, string contentRoot, string usage, Func<IServiceProvider, bool, string, Task<int>> execute)
    {
        if (arguments is not [string first, ..] || first is "--help" or "-h" || first == "--resume" && arguments.Length < 2)
        {
            Console.Error.WriteLine(usage);
            return arguments is ["--help" or "-h", ..] ? Completed : BadOptions;
        }
        bool resumes = first == "--resume";
        string? root = null;
        try
        {
            using IHost host = Build(arguments[(resumes ? 2 : 1)..], contentRoot, ref root);
            await host.Services.PrepareStorageAsync();
            var webhook = host.Services.GetRequiredService<Webhook>();
            await webhook.StartAsync(CancellationToken.None);
            try
            {
                return await execute(host.Services, resumes, resumes ? arguments[1] : first);
            }
            finally
            {
                await webhook.StopAsync(CancellationToken.None);
            }
        }
        catch (OptionsInvalidException e)
        {
            foreach (OptionProblem problem in e.Problems)
                Console.Error.WriteLine($"{problem.Field}: {problem.Message}");
            return BadOptions;
        }
        catch (Exception e) when (e is NotFoundException or ConflictException or FileNotFoundException
            or DirectoryNotFoundException)
        {
            Console.Error.WriteLine(e.Message);
            return BadOptions;
        }
        catch (Exception e) when (StartFailure.Explain(e, root) is string reason)
        {
            Console.Error.WriteLine(reason);
            return BadOptions;
        }
    }

    private static IHost Build(string[] settings, string contentRoot, ref string? root)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(
            new HostApplicationBuilderSettings { Args = settings, ContentRootPath = contentRoot });
        HostSettings read = HostSettings.Read(builder.Configuration);
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .AddFilter(null, LogLevel.Warning);
        builder.Services.AddSingleton(read);
        root = Path.GetFullPath(read.StorageRoot, contentRoot);
        builder.Services.AddStorage(new DataFolder(root, FileLayer.Disk), read.ReserveBytes);
        builder.Services.AddTraining();
        builder.Services.AddSingleton<Webhook>();
        return builder.Build();
    }

    private static async Task<Run> CreateAsync(IServiceProvider services, string path)
    {
        (DistillationOptions options, IReadOnlyList<OptionProblem> unread) =
            JsonBody.Read<DistillationOptions>(await ReadAsync(services, path));
        RunForecast forecast = await services.GetRequiredService<RunChecks>().ForecastAsync(options, CancellationToken.None);
        foreach (OptionProblem warning in forecast.Warnings)
            Console.WriteLine($"Warning: {warning.Field}: {warning.Message}");
        IReadOnlyList<OptionProblem> problems = OptionsInvalidException.Join(unread, forecast.Problems);
        if (problems.Any(problem => problem.Field is "datasetId" or "teacherId" or "studentModelId"))
            await ListLibraryAsync(services);
        return problems.Count == 0
            ? await services.GetRequiredService<RunQueue>().EnqueueAsync(options, CancellationToken.None)
            : throw new OptionsInvalidException(problems);
    }

    /// <summary>The JSON file that a command names, with nothing in it that is no text.</summary>
    /// <exception cref="OptionsInvalidException">It passes a limit of the HTTP API, or is not text.</exception>
    internal static async Task<byte[]> ReadAsync(IServiceProvider services, string path)
    {
        byte[] json = await File.ReadAllBytesAsync(path);
        JsonScan.Check(json, services.GetRequiredService<HostSettings>().Limits);
        return json;
    }

    private static async Task<Run> ResumeAsync(IServiceProvider services, string text)
    {
        if (!Guid.TryParse(text, out Guid id))
            throw new OptionsInvalidException("--resume", $"The value is '{text}', expected the id of a run.");
        return await services.GetRequiredService<RunLifecycle>().MoveAsync(id, _ => RunStatus.Queued);
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
        var trainer = services.GetRequiredService<RunTrainer>();
        var lifecycle = services.GetRequiredService<RunLifecycle>();
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

        Task<Run?> training = trainer.TrainAsync(run.Id);
        var bar = new ProgressLine(Console.Out, Console.IsOutputRedirected);
        while (!training.IsCompleted)
        {
            await Task.WhenAny(training, Task.Delay(bar.Interval));
            bar.Draw(await ReadAsync());
        }
        await training;
        Run ended = await ReadAsync();
        bar.End(ended);
        return ended.Status switch
        {
            RunStatus.Completed => Completed,
            RunStatus.Stopped or RunStatus.Paused => StoppedByCtrlC,
            RunStatus.Interrupted => Terminated,
            _ => Failed,
        };

        async Task StopAsync()
        {
            try
            {
                await lifecycle.MoveAsync(run.Id, now => now.Status == RunStatus.Queued ? RunStatus.Stopped : RunStatus.Stopping);
            }
            catch (ConflictException)
            {
                return; // It has just ended by itself.
            }
            trainer.Ask(run.Id, RunWish.Stop);
        }

        async Task<Run> ReadAsync()
        {
            await using WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            return await db.Runs.AsNoTracking().SingleAsync(row => row.Id == run.Id);
        }
    }
}
