using WebDistill.Data;
using WebDistill.Distillation;

namespace WebDistill.Web.Storage;

/// <summary><c>restore FILE</c>: puts a backup in the place of the database, while no server runs on the data folder.</summary>
internal static class RestoreCommand
{
    /// <summary>The word that asks for it.</summary>
    public const string Command = "restore";

    private const string Usage = """
        Usage: restore FILE                put a backup in the place of the database; what it replaces becomes a backup itself
        Any setting of appsettings.json can follow, for example --Storage:Root=/data/webdistill.
        Exit code: 0 restored, 2 not restored and nothing changed.
        """;

    /// <summary>Restores and returns the process's exit code.</summary>
    /// <param name="arguments">What follows the word "restore".</param>
    public static async Task<int> ExecuteAsync(string[] arguments, string contentRoot)
    {
        if (arguments is not [string file, ..] || file is "--help" or "-h")
        {
            Console.Error.WriteLine(Usage);
            return arguments is ["--help" or "-h", ..] ? 0 : 2;
        }
        string? root = null;
        try
        {
            HostApplicationBuilder builder = Host.CreateApplicationBuilder(
                new HostApplicationBuilderSettings { Args = arguments[1..], ContentRootPath = contentRoot });
            builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
            using IHost host = builder.Build();
            root = Path.GetFullPath(HostSettings.Read(builder.Configuration).StorageRoot, contentRoot);
            using var folder = new DataFolder(root, FileLayer.Disk);
            await DatabaseRestore.StageAsync(folder, Path.GetFullPath(file));
            (_, string? replaced) = DatabaseRestore.Apply(folder, host.Services.GetRequiredService<ILogger<Program>>());
            Console.WriteLine($"{Path.GetFileName(file)} is the database now. "
                + (replaced is null ? "There was none before." : $"What it replaced is backups/{replaced}.")
                + " Start the server; what this database does not name goes to its trash, and comes back from there when it does.");
            return 0;
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException || StartFailure.Explain(e, root) is not null)
        {
            Console.Error.WriteLine(e is InvalidDataException or FileNotFoundException or DatabaseTooNewException ? e.Message : StartFailure.Explain(e, root));
            return 2;
        }
    }
}
