using System.Globalization;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Settings;

/// <summary>What the data folder takes on the disk.</summary>
/// <param name="Runs">The largest runs by the files of each, its checkpoints; at most <see cref="Housekeeping.MostNamed"/>.</param>
/// <param name="Models">The largest models.</param>
/// <param name="Datasets">The largest data sets.</param>
/// <param name="AllRuns">All of them.</param>
/// <param name="AllModels">All of them.</param>
/// <param name="AllDatasets">All of them.</param>
/// <param name="DatabaseBytes">The database with its log of changes.</param>
/// <param name="BackupBytes">Backups of the database.</param>
/// <param name="TrashBytes">Folders in the trash.</param>
/// <param name="FreeBytes">What may still be written.</param>
public sealed record DiskUse(
    IReadOnlyList<NamedBytes> Runs, IReadOnlyList<NamedBytes> Models, IReadOnlyList<NamedBytes> Datasets, CountedBytes AllRuns,
    CountedBytes AllModels, CountedBytes AllDatasets, long DatabaseBytes, long BackupBytes, long TrashBytes,
    long FreeBytes)
{
    /// <summary>All of it.</summary>
    public long TotalBytes => AllRuns.Bytes + AllModels.Bytes + AllDatasets.Bytes + DatabaseBytes + BackupBytes + TrashBytes;
}

/// <summary>Bytes of so many things of a kind.</summary>
public sealed record CountedBytes(int Count, long Bytes);

/// <summary>Bytes of something with a name.</summary>
public sealed record NamedBytes(Guid Id, string Name, long Bytes);

/// <summary>A copy of the database.</summary>
/// <param name="Name">File name under backups/.</param>
public sealed record Backup(string Name, DateTime CreatedAt, long Bytes);

/// <summary>Care of what is stored: how much there is, whether it is sound, and copies of the database.</summary>
public sealed class Housekeeping(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, StorageHealth storage, ServerRestart restart)
{
    /// <summary>Most runs, models and data sets that a measurement names, of each kind.</summary>
    public const int MostNamed = 100;

    private readonly SemaphoreSlim _backup = new(1, 1);

    /// <summary>Measures the data folder; reads every folder's list of files.</summary>
    public async Task<DiskUse> MeasureAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        var runs = await db.Runs.AsNoTracking().Select(run => new { run.Id, run.Name }).ToListAsync(cancel);
        var models = await db.Models.AsNoTracking().Select(model => new { model.Id, model.Name }).ToListAsync(cancel);
        var datasets = await db.Datasets.AsNoTracking().Select(dataset => new { dataset.Id, dataset.Name }).ToListAsync(cancel);
        return await Task.Run(() =>
        {
            NamedBytes[] ofRuns = [.. runs.Select(run => new NamedBytes(run.Id, run.Name, DataFolder.Bytes(folder.Run(run.Id))))];
            NamedBytes[] ofModels = [.. models.Select(model => new NamedBytes(model.Id, model.Name, DataFolder.Bytes(folder.Model(model.Id))))];
            NamedBytes[] ofDatasets = [.. datasets.Select(set => new NamedBytes(set.Id, set.Name, DataFolder.Bytes(folder.Dataset(set.Id))))];
            return new DiskUse(
                Largest(ofRuns), Largest(ofModels), Largest(ofDatasets), All(ofRuns), All(ofModels), All(ofDatasets),
                Files(folder.Root, Path.GetFileName(folder.DatabaseFile) + "*").Sum(file => file.Bytes),
                DataFolder.Bytes(folder.Backups), DataFolder.Bytes(folder.Trash), folder.FreeBytes);
        }, cancel);

        static IReadOnlyList<NamedBytes> Largest(NamedBytes[] items) => [.. items.OrderByDescending(item => item.Bytes).Take(MostNamed)];

        static CountedBytes All(NamedBytes[] items) => new(items.Length, items.Sum(item => item.Bytes));
    }

    /// <summary>Bytes of one run's files.</summary>
    public long RunBytes(Guid id) => DataFolder.Bytes(folder.Run(id));

    /// <summary>Lets SQLite read every page of the database and every foreign key.</summary>
    /// <returns>What is wrong; empty when the database is sound.</returns>
    public async Task<IReadOnlyList<string>> CheckIntegrityAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await SqliteDatabase.CheckIntegrityAsync(db, cancel);
    }

    /// <summary>Copies the database, whole and compact, while everything goes on; a copy that fails leaves nothing.</summary>
    /// <exception cref="StorageRefusedException">There is no room for it.</exception>
    public async Task<Backup> BackUpAsync(CancellationToken cancel = default)
    {
        // One at a time: two of one millisecond would have one name.
        await _backup.WaitAsync(cancel);
        try
        {
            return await WriteBackupAsync(cancel);
        }
        finally
        {
            _backup.Release();
        }
    }

    private async Task<Backup> WriteBackupAsync(CancellationToken cancel)
    {
        long bytes = new FileInfo(folder.DatabaseFile).Length;
        storage.RequireRoom("a backup", bytes);
        string name = string.Create(CultureInfo.InvariantCulture, $"webdistill-{DateTime.UtcNow:yyyyMMdd-HHmmss-fff}.db");
        string path = Path.Combine(folder.Backups, name), partial = path + ".partial";
        try
        {
            folder.Files.CreateFolder(folder.Backups);
            await writer.WriteBulkAsync(db => SqliteDatabase.CopyAsync(db, partial, cancel));
            folder.Files.SyncFile(partial);
            folder.Files.RenameFile(partial, path);
            folder.Files.SyncFolder(folder.Backups);
            var written = new FileInfo(path);
            return new Backup(name, written.LastWriteTimeUtc, written.Length);
        }
        catch (Exception e)
        {
            folder.DiscardFile(partial);
            folder.DiscardFile(path);
            if (storage.Explain(e, string.Create(CultureInfo.InvariantCulture, $"a backup needs up to {bytes:N0} bytes")) is { } refused)
                throw refused;
            throw;
        }
    }

    /// <summary>The copies, newest first.</summary>
    public IReadOnlyList<Backup> Backups() => !Directory.Exists(folder.Backups) ? [] :
        [.. Files(folder.Backups, "webdistill-*.db").OrderByDescending(backup => backup.Name)];

    /// <summary>Where a copy stands.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public string BackupFile(string name) => Backups().Any(backup => backup.Name == name)
        ? Path.Combine(folder.Backups, name)
        : throw new NotFoundException($"There is no backup '{ForeignText.Quote(name)}'.");

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
    public void DeleteBackup(string name) => folder.Files.DeleteFile(BackupFile(name));

    // A file that is removed while the folder is read is none of them.
    private static IEnumerable<Backup> Files(string folder, string pattern) => new DirectoryInfo(folder).EnumerateFiles(pattern)
        .Select(file =>
        {
            try
            {
                return new Backup(file.Name, file.LastWriteTimeUtc, file.Length);
            }
            catch (FileNotFoundException)
            {
                return null;
            }
        })
        .OfType<Backup>();
}
