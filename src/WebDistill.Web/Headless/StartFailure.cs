using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Headless;

/// <summary>Why the product cannot start, in words that say what to do: told on the console, where there is no page yet.</summary>
internal static class StartFailure
{
    /// <summary>The words for what went wrong while the configuration was read, libtorch loaded, the data folder taken and its database
    /// opened; null when it is none of these.</summary>
    /// <param name="root">Storage:Root as an absolute path; null before it is known.</param>
    public static string? Explain(Exception problem, string? root) => Tell(problem, root) is var (id, sentence) ? id.After(sentence) : null;

    /// <summary>The words for what went wrong while the server began to listen, its addresses being in order and free before; null when it is a
    /// fault of the program.</summary>
    /// <param name="addresses">Where it was to listen; none is Kestrel's default.</param>
    public static string? ExplainListening(Exception problem, IReadOnlyList<string> addresses)
    {
        string? reason = problem switch
        {
            SocketException or IOException or CryptographicException or UnauthorizedAccessException => problem.Message,
            // Kestrel's own words for an address or a certificate that it cannot use.
            InvalidOperationException or FormatException or ArgumentException
                when problem.Source?.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal) == true => problem.Message.ReplaceLineEndings(" "),
            _ => null,
        };
        return reason is null ? null : ErrorId.StartCannotListen.After(
            $"WebDistill cannot listen on {string.Join(" and ", addresses.DefaultIfEmpty("its address"))}: {Sentence(reason)} Correct Urls, for example "
                + "--urls http://127.0.0.1:5080.");
    }

    private static (ErrorId Id, string Sentence)? Tell(Exception problem, string? root) => problem switch
    {
        HostSettingsException => (ErrorId.StartSettings, problem.Message),
        FolderInUseException => (ErrorId.StartFolderInUse, problem.Message),
        PlatformNotSupportedException => (ErrorId.StartLibraries, problem.Message),
        ForeignDatabaseException => (ErrorId.StartDatabaseForeign, problem.Message),
        DatabaseTooNewException => (ErrorId.StartDatabaseNewer, $"{problem.Message}{Backups(root)}"),
        FormatException { Source: "Microsoft.Extensions.Configuration.CommandLine" } =>
            (ErrorId.StartSettings, $"{Sentence(problem.Message)} A setting is written --Name value, for example --Storage:Root data."),
        // A file of settings: they are read before the data folder is known.
        InvalidDataException { InnerException: FormatException } when root is null => (ErrorId.StartSettings,
            $"appsettings.json, or the one of the environment, cannot be read: {Sentence(problem.GetBaseException().Message)} Correct it and start again."),
        IOException or UnauthorizedAccessException when root is null =>
            (ErrorId.StartFileUnreadable, $"A file that the start needs cannot be read: {Sentence(problem.Message)}"),
        UnauthorizedAccessException => Unwritable(root, problem.Message),
        IOException io when FileLayer.IsDiskFull(io) => Full(root),
        IOException io when FileLayer.IsReadOnly(io) => Unwritable(root, problem.Message),
        IOException => (ErrorId.StartFolderUnusable,
            $"The data folder '{root}' cannot be used: {Sentence(problem.Message)} Put that right, or set Storage:Root to another folder."),
        SqliteException sqlite => Tell(sqlite, root),
        { InnerException: Exception inner } => Tell(inner, root),
        _ => null,
    };

    private static (ErrorId Id, string Sentence)? Tell(SqliteException problem, string? root)
    {
        const int busy = 5, locked = 6, readOnly = 8, ioError = 10, corrupt = 11, full = 13, cannotOpen = 14, notADatabase = 26;
        return problem.SqliteErrorCode switch
        {
            full => Full(root),
            // SQLite tells a write for which there was no room as any other that failed.
            ioError when root is not null && Free(root) < DiskReserve.LeastBytes => Full(root),
            readOnly or cannotOpen => Unwritable(root, problem.Message),
            corrupt or notADatabase => (ErrorId.StartDatabaseDamaged, $"The database webdistill.db is damaged: {Sentence(problem.Message)}{Backups(root)}"),
            busy or locked => (ErrorId.StartDatabaseInUse, $"Another program holds the database webdistill.db under '{root}'. Close it and start again."),
            ioError => (ErrorId.StartDiskFails,
                $"The disk of the data folder '{root}' fails: {Sentence(problem.Message)} Look at the system's log; copy what can still be read."),
            _ => null,
        };
    }

    private static (ErrorId Id, string Sentence) Full(string? root) => (ErrorId.StartDiskFull, string.Create(CultureInfo.InvariantCulture,
        $"The disk of the data folder '{root}' is full: {(root is null ? 0 : Free(root)):N0} bytes are free, and the start needs about {DiskReserve.LeastBytes:N0}. ")
        + "Nothing is lost. Free some room, or set Storage:Root to a copy of the folder on a larger disk, and start again.");

    private static (ErrorId Id, string Sentence) Unwritable(string? root, string reason) => (ErrorId.StartFolderUnwritable,
        $"The data folder '{root}' cannot be written: {Sentence(reason)} Give the user '{Environment.UserName}' the right to write it, mount it "
        + "writable, or set Storage:Root to another folder.");

    private static string Backups(string? root)
    {
        string folder = Path.Combine(root ?? "", "backups");
        FileInfo? newest = Directory.Exists(folder)
            ? new DirectoryInfo(folder).EnumerateFiles("webdistill-*.db").MaxBy(file => file.LastWriteTimeUtc)
            : null;
        return newest is null
            ? $" There is no backup under '{folder}'. Models, data sets and checkpoints are files of their own and are still there: move "
                + "webdistill.db elsewhere and start, and Settings offers to take them back."
            : string.Create(CultureInfo.InvariantCulture,
                $" The newest backup is {newest.Name} of {newest.LastWriteTimeUtc:yyyy-MM-dd HH:mm} UTC. Put it in its place with: ")
                + $"dotnet run --project src/WebDistill.Web -- {RestoreCommand.Name} \"{newest.FullName}\"";
    }

    // With one full stop: the words of others end with one, with none, or in the middle of a quotation.
    private static string Sentence(string text) => $"{text.TrimEnd(' ', '.')}.";

    private static long Free(string root) => Directory.Exists(root) ? FileLayer.Disk.FreeBytes(root) : 0;
}
