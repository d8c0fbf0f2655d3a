using System.CommandLine;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Headless;

/// <summary><c>restore FILE</c>: puts a backup in the place of the database, while no server runs on the data folder.</summary>
internal static class RestoreCommand
{
    /// <summary>The word that asks for it.</summary>
    public const string Name = "restore";

    /// <summary>Describes the command.</summary>
    /// <param name="settings">Arguments that follow the command's own: settings of the host.</param>
    public static Command Create(string[] settings, string contentRoot)
    {
        var file = new Argument<string>("FILE") { Description = "a backup: a copy of webdistill.db" };
        var command = new Command(Name, $"""
            Puts a backup in the place of the database, while no server runs on the data folder. What it replaces becomes a backup itself.
            Exit code: 0 restored, 2 not restored and nothing changed.
            {CommandLine.SettingsHelp}
            """)
        {
            file,
        };
        command.SetAction(parsed => RestoreAsync(parsed.GetRequiredValue(file), settings, contentRoot));
        return command;
    }

    private static async Task<int> RestoreAsync(string file, string[] settings, string contentRoot)
    {
        string? root = null;
        try
        {
            HostApplicationBuilder builder = Host.CreateApplicationBuilder(
                new HostApplicationBuilderSettings { Args = settings, ContentRootPath = contentRoot });
            builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
            HostSettings read = HostSettings.Read(builder.Configuration);
            using IHost host = builder.Build();
            root = Path.GetFullPath(read.StorageRoot, contentRoot);
            using var folder = new DataFolder(root, FileLayer.Disk);
            await DatabaseRestore.StageAsync(folder, Path.GetFullPath(file));
            (_, string? replaced) = DatabaseRestore.Apply(folder, host.Services.GetRequiredService<ILogger<DataFolder>>());
            Console.WriteLine($"{Path.GetFileName(file)} is the database now. "
                + (replaced is null ? "There was none before." : $"What it replaced is backups/{replaced}.")
                + " Start the server; what this database does not name goes to its trash, and comes back from there when it does.");
            return 0;
        }
        catch (Exception e) when (Explain(e, root) is string reason)
        {
            Console.Error.WriteLine(reason);
            return 2;
        }
    }

    // Once the data folder is known, these say what is wrong with the copy.
    private static string? Explain(Exception problem, string? root) =>
        root is not null && problem is (InvalidDataException or FileNotFoundException or DatabaseTooNewException)
            ? ErrorId.RestoreRefused.After(problem.Message)
            : StartFailure.Explain(problem, root);
}
