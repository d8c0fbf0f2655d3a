using System.Globalization;
using Microsoft.Data.Sqlite;
using WebDistill.Data;

namespace WebDistill.Web.Storage;

/// <summary>
/// Puts a backup in the place of the database, at the next start and before anything reads it: first the copy is checked and laid beside as
/// <c>restore-{time}.db</c>, then what it replaces is moved to the backups and the copy takes its name. Each move can be cut off and is
/// taken up again.
/// </summary>
internal static class DatabaseRestore
{
    private const string Pattern = "restore-*.db";

    /// <summary>Whether a copy waits for the next start.</summary>
    public static bool IsPending(DataFolder folder) => Pending(folder) is not null;

    /// <summary>Checks a copy and lays it ready; one that waits already gives way to it.</summary>
    /// <param name="file">Any database of this version or an older one; it stays as it is.</param>
    /// <exception cref="InvalidDataException">It is no sound database of WebDistill; says why.</exception>
    /// <exception cref="DatabaseTooNewException">A newer version made it.</exception>
    public static async Task StageAsync(DataFolder folder, string file, CancellationToken cancel = default)
    {
        if (Directory.Exists(file))
            throw new InvalidDataException($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(file))} is a folder, expected a file: a copy of webdistill.db, "
                + "such as those under backups/.");
        if (!File.Exists(file))
            throw new FileNotFoundException($"There is no file {Path.GetFileName(file)}. Name a copy of webdistill.db, such as those under backups/.");
        string staged = Path.Combine(folder.Root, $"restore-{Stamp()}.db"), partial = staged + ".partial";
        try
        {
            await using (WebDistillDb db = SqliteDatabase.OpenReadOnly(file))
            {
                await CheckAsync(db, Path.GetFileName(file), cancel);
                // Not a copy of the file: what its log of changes holds belongs to it.
                await SqliteDatabase.CopyAsync(db, partial, cancel);
            }
            folder.Files.SyncFile(partial);
            foreach (string earlier in Directory.EnumerateFiles(folder.Root, Pattern))
                folder.Files.DeleteFile(earlier);
            folder.Files.RenameFile(partial, staged);
            folder.Files.SyncFolder(folder.Root);
        }
        catch (SqliteException e) when (!SqliteDatabase.IsFull(e))
        {
            throw new InvalidDataException($"{Path.GetFileName(file)} cannot be read as a database: {e.Message}", e);
        }
        finally
        {
            folder.DiscardFile(partial);
        }
    }

    /// <summary>Takes up what <see cref="StageAsync"/> laid ready. No connection to the database may be in use.</summary>
    /// <returns>The backup that what was replaced is now, or null when there was nothing to replace; and whether anything was restored.</returns>
    public static (bool Restored, string? Replaced) Apply(DataFolder folder, ILogger logger)
    {
        if (Pending(folder) is not string staged)
            return (false, null);
        string stamp = Path.GetFileNameWithoutExtension(staged)["restore-".Length..];
        string replaced = Path.Combine(folder.Backups, $"webdistill-{stamp}-replaced.db");
        folder.Files.CreateFolder(folder.Backups);
        // A server that ended in this process has left its connections in the pool: they would go on with the file that is moved away.
        SqliteConnection.ClearAllPools();
        if (File.Exists(folder.DatabaseFile))
            WriteLogIntoFile(folder.DatabaseFile, logger);
        // All three or none belong together: what the log of changes holds is read from beside its database, under the new name too.
        foreach (string suffix in new[] { "-shm", "-wal", "" })
        {
            if (File.Exists(folder.DatabaseFile + suffix))
                folder.Files.RenameFile(folder.DatabaseFile + suffix, replaced + suffix);
        }
        folder.Files.SyncFolder(folder.Backups);
        folder.Files.RenameFile(staged, folder.DatabaseFile);
        folder.Files.SyncFolder(folder.Root);
        string? kept = File.Exists(replaced) ? Path.GetFileName(replaced) : null;
        logger.LogWarning("The database is the restored copy now. What it replaced: {Replaced}", kept ?? "nothing");
        return (true, kept);
    }

    private static async Task CheckAsync(WebDistillDb db, string name, CancellationToken cancel)
    {
        IReadOnlyList<string> problems = await SqliteDatabase.CheckIntegrityAsync(db, cancel);
        if (problems.Count > 0)
            throw new InvalidDataException($"{name} is damaged: {string.Join(" ", problems.Take(3))} Choose another backup.");
        if (!await SqliteDatabase.IsOursAsync(db))
            throw new InvalidDataException($"{name} is a database, but none of WebDistill: it records none of its migrations.");
        await SqliteDatabase.RequireKnownAsync(db);
    }

    // So that the copy that is kept is one file. A database that is too damaged for it is kept with its log beside it.
    private static void WriteLogIntoFile(string path, ILogger logger)
    {
        try
        {
            SqliteDatabase.WriteLogIntoFile(path);
        }
        catch (SqliteException e)
        {
            logger.LogWarning(e, "The database that is replaced cannot be opened; it is kept as it is");
        }
    }

    private static string? Pending(DataFolder folder) => Directory.EnumerateFiles(folder.Root, Pattern).Order(StringComparer.Ordinal).LastOrDefault();

    private static string Stamp() => DateTime.UtcNow.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture);
}
