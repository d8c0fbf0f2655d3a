using System.CommandLine;
using System.CommandLine.Parsing;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Notifications;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Headless;

/// <summary>What the commands that train in the terminal share: FILE or --resume ID, the host without its pages, the words for what is
/// wrong.</summary>
internal static class HeadlessCommand
{
    /// <summary>Describes a command.</summary>
    /// <param name="thing">What it trains, "run" or "sweep": the command's name.</param>
    /// <param name="fileHelp">What the file holds.</param>
    /// <param name="resumeHelp">What going on means.</param>
    /// <param name="settings">Arguments that follow the command's own: settings of the host.</param>
    /// <param name="execute">Does the work with the services and the file, or with the id of what goes on; returns the exit code.</param>
    public static Command Create(
        string thing, string description, string fileName, string fileHelp, string resumeHelp, string[] settings, string contentRoot,
        Func<IServiceProvider, string?, Guid, Task<int>> execute)
    {
        var file = new Argument<string>(fileName) { Description = fileHelp, Arity = ArgumentArity.ZeroOrOne };
        var resume = new Option<Guid>("--resume")
        {
            Description = resumeHelp,
            HelpName = $"{thing.ToUpperInvariant()}_ID",
            CustomParser = result =>
            {
                if (!Guid.TryParse(result.Tokens[0].Value, out Guid id))
                    result.AddError($"--resume: The value is '{result.Tokens[0].Value}', expected the id of a {thing}.");
                return id;
            },
        };
        var command = new Command(thing, $"{description}\n{CommandLine.SettingsHelp}") { file, resume };
        command.Validators.Add(result =>
        {
            bool hasFile = result.GetResult(file) is { Tokens.Count: > 0 }, resumes = result.GetResult(resume) is not null;
            if (!hasFile && !resumes)
                result.AddError($"{thing}: Neither {fileName} nor --resume was given; expected one of them.");
            if (hasFile && resumes)
                result.AddError($"{thing}: Both '{result.GetValue(file)}' and --resume were given; expected one of them. What goes on has its options already.");
        });
        command.SetAction(parsed => ExecuteAsync(settings, contentRoot, services =>
            execute(services, parsed.GetValue(file), parsed.GetValue(resume))));
        return command;
    }

    /// <summary>The JSON file that a command names, with nothing in it that is no text.</summary>
    /// <param name="argument">What the command's help calls it.</param>
    /// <exception cref="OptionsInvalidException">It cannot be read, passes a limit of the HTTP API, or is not text.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(IServiceProvider services, string argument, string path)
    {
        if (Directory.Exists(path))
            throw new OptionsInvalidException(argument, $"'{ForeignText.Quote(path)}' is a folder, expected a JSON file.");
        byte[] json;
        try
        {
            json = await File.ReadAllBytesAsync(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsInvalidException(argument, $"'{ForeignText.Quote(path)}' cannot be read, expected a JSON file: {e.Message}");
        }
        return JsonScan.Check(json, services.GetRequiredService<HostSettings>().Limits);
    }

    private static async Task<int> ExecuteAsync(string[] settings, string contentRoot, Func<IServiceProvider, Task<int>> execute)
    {
        string? root = null;
        try
        {
            LibTorch.Load();
            using IHost host = Build(settings, contentRoot, ref root);
            await host.Services.PrepareStorageAsync();
            var webhook = host.Services.GetRequiredService<Webhook>();
            await webhook.StartAsync(CancellationToken.None);
            try
            {
                return await execute(host.Services);
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
            return CommandLine.BadArguments;
        }
        catch (Exception e) when (e is NotFoundException or ConflictException)
        {
            Console.Error.WriteLine(ErrorId.Of(e).After(e.Message));
            return CommandLine.BadArguments;
        }
        catch (Exception e) when (StartFailure.Explain(e, root) is string reason)
        {
            Console.Error.WriteLine(reason);
            return CommandLine.BadArguments;
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
        builder.Services.AddWebhook();
        return builder.Build();
    }
}
