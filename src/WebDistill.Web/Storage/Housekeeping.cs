using System.Globalization;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;

namespace WebDistill.Web.Storage;

/// <summary>What the data folder takes on the disk.</summary>
/// <param name="Runs">Files of each run: its checkpoints.</param>
/// <param name="Models">Of each model.</param>
/// <param name="Datasets">Of each data set.</param>
/// <param name="DatabaseBytes">The database with its log of changes.</param>
/// <param name="BackupBytes">Backups of the database.</param>
/// <param name="TrashBytes">Folders in the trash.</param>
/// <param name="FreeBytes">What may still be written.</param>
public sealed record DiskUse(
    IReadOnlyList<NamedBytes> Runs, IReadOnlyList<NamedBytes> Models, IReadOnlyList<NamedBytes> Datasets, long DatabaseBytes,
    long BackupBytes, long TrashBytes, long FreeBytes)
{
    /// <summary>All of it.</summary>
    public long TotalBytes =>
        Runs.Sum(run => run.Bytes) + Models.Sum(model => model.Bytes) + Datasets.Sum(dataset => dataset.Bytes) + DatabaseBytes + BackupBytes
            + TrashBytes;
}

/// <summary>Bytes of something with a name.</summary>
public sealed record NamedBytes(Guid Id, string Name, long Bytes);

/// <summary>A copy of the database.</summary>
/// <param name="Name">File name under backups/.</param>
public sealed record Backup(string Name, DateTime CreatedAt, long Bytes);

/// <summary>Care of what is stored: how much there is, whether it is sound, and copies of the database.</summary>
public sealed class Housekeeping(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, ServerRestart restart)
{
    /// <summary>Measures the data folder; reads every folder's list of files.</summary>
    public async Task<DiskUse> MeasureAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        var runs = await db.Runs.AsNoTracking().Select(run => new { run.Id, run.Name }).ToListAsync(cancel);
        var models = await db.Models.AsNoTracking().Select(model => new { model.Id, model.Name }).ToListAsync(cancel);
        var datasets = await db.Datasets.AsNoTracking().Select(dataset => new { dataset.Id, dataset.Name }).ToListAsync(cancel);
        return await Task.Run(() => new DiskUse(
            [.. runs.Select(run => new NamedBytes(run.Id, run.Name, Bytes(folder.Run(run.Id)))).OrderByDescending(run => run.Bytes)],
            [.. models.Select(model => new NamedBytes(model.Id, model.Name, Bytes(folder.Model(model.Id)))).OrderByDescending(m => m.Bytes)],
            [.. datasets.Select(set => new NamedBytes(set.Id, set.Name, Bytes(folder.Dataset(set.Id)))).OrderByDescending(d => d.Bytes)],
            Directory.EnumerateFiles(folder.Root, Path.GetFileName(folder.DatabaseFile) + "*").Sum(file => new FileInfo(file).Length),
            Bytes(folder.Backups), Bytes(folder.Trash), folder.FreeBytes), cancel);

        static long Bytes(string path) => Directory.Exists(path) ? DataFolder.Bytes(path) : 0;
    }

    /// <summary>Bytes of one run's files.</summary>
    public long RunBytes(Guid id) => Directory.Exists(folder.Run(id)) ? DataFolder.Bytes(folder.Run(id)) : 0;

    /// <summary>Lets SQLite read every page of the database and every foreign key.</summary>
    /// <returns>What is wrong; empty when the database is sound.</returns>
    public async Task<IReadOnlyList<string>> CheckIntegrityAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await SqliteDatabase.CheckIntegrityAsync(db, cancel);
    }

    /// <summary>Copies the database, whole and compact, while everything goes on.</summary>
    public async Task<Backup> BackUpAsync(CancellationToken cancel = default)
    {
        Directory.CreateDirectory(folder.Backups);
        string name = string.Create(CultureInfo.InvariantCulture, $"webdistill-{DateTime.UtcNow:yyyyMMdd-HHmmss-fff}.db");
        string path = Path.Combine(folder.Backups, name), partial = path + ".partial";
        File.Delete(partial);
        await writer.WriteAsync(db => SqliteDatabase.CopyAsync(db, partial, cancel), cancel);
        using (FileStream copy = new(partial, FileMode.Open, FileAccess.ReadWrite))
            copy.Flush(flushToDisk: true);
        folder.Files.RenameFile(partial, path);
        folder.Files.SyncFolder(folder.Backups);
        return Describe(new FileInfo(path));
    }

    /// <summary>The copies, newest first.</summary>
    public IReadOnlyList<Backup> Backups() => !Directory.Exists(folder.Backups) ? [] :
        [.. new DirectoryInfo(folder.Backups).EnumerateFiles("webdistill-*.db").Select(Describe).OrderByDescending(backup => backup.Name)];

    /// <summary>Where a copy stands.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public string BackupFile(string name) => Backups().Any(backup => backup.Name == name)
        ? Path.Combine(folder.Backups, name)
        : throw new NotFoundException($"There is no backup '{name}'.");

    /// <summary>
    /// Puts a copy in the place of the database: checks it, then ends the server with every state saved and starts it anew, which takes some
    /// seconds. What it replaces becomes a copy among the others.
    /// </summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    /// <exception cref="ConflictException">It is damaged, or a newer version made it; nothing is changed.</exception>
    public async Task RestoreAsync(string name, CancellationToken cancel = default)
    {
        try
        {
            await DatabaseRestore.StageAsync(folder, BackupFile(name), cancel);
        }
        catch (Exception e) when (e is InvalidDataException or DatabaseTooNewException)
        {
            throw new ConflictException(e.Message);
        }
        restart.Request();
    }

    /// <summary>Removes a copy.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public void DeleteBackup(string name) => File.Delete(BackupFile(name));

    private static Backup Describe(FileInfo file) => new(file.Name, file.LastWriteTimeUtc, file.Length);
}
