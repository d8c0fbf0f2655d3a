using System.Globalization;
using Microsoft.Data.Sqlite;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Live;

namespace WebDistill.Web.Storage;

/// <summary>Rings when the disk begins to refuse writes, and when it takes them again.</summary>
public sealed class StorageAnnouncements(ILogger<StorageAnnouncements> logger) : Announcements(logger);

/// <summary>
/// Whether the disk takes what is written: tells a refusal from other errors, says it in one sentence everywhere, lets what runs in the
/// background wait for better times, and notices when they come.
/// </summary>
public sealed class StorageHealth(
    DataFolder folder, DiskReserve reserve, StorageAnnouncements announcements, ILogger<StorageHealth> logger)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private volatile StorageRefusedException? _problem;

    /// <summary>What the disk refused last, for as long as it does; null while all is well.</summary>
    public StorageRefusedException? Problem => _problem;

    /// <summary>
    /// Whether the disk counts as full: it was, and there is no room yet but the reserve's, which is kept for what makes room.
    /// </summary>
    public bool IsFull => reserve.IsGivenUp;

    /// <summary>Says what a refusal of the disk means and what to do; null when <paramref name="problem"/> is none.</summary>
    /// <param name="needs">What needed how many bytes, where that is known.</param>
    public StorageRefusedException? Explain(Exception problem, string? needs = null) => problem switch
    {
        StorageRefusedException told => told,
        SqliteException { SqliteErrorCode: SqliteErrors.Full } or IOException when IsFullDisk(problem) => Full(needs, problem),
        // Where there is no room at all, SQLite may fail in its log's index, which it calls an error of the device.
        SqliteException { SqliteErrorCode: SqliteErrors.Device or SqliteErrors.CannotOpen } when folder.FreeBytes < DiskReserve.LeastBytes =>
            Full(needs, problem),
        SqliteException { SqliteErrorCode: SqliteErrors.ReadOnly or SqliteErrors.Device or SqliteErrors.CannotOpen } => Unwritable(problem),
        IOException io when FileLayer.IsReadOnly(io) => Unwritable(problem),
        UnauthorizedAccessException => Unwritable(problem),
        AggregateException { InnerExceptions: { } inner } => inner.Select(one => Explain(one, needs)).FirstOrDefault(told => told is not null),
        { InnerException: Exception cause } => Explain(cause, needs),
        _ => null,
    };

    /// <summary>Refuses what would write much, while only the reserve's room is left.</summary>
    /// <exception cref="StorageRefusedException">The disk counts as full.</exception>
    public void RequireRoom()
    {
        if (!IsFull)
            return;
        Look();
        if (IsFull)
            throw Full(null, null);
    }

    /// <summary>Refuses what is known to need more than there is.</summary>
    /// <param name="what">Its name, to begin a sentence's part: "the upload".</param>
    /// <exception cref="StorageRefusedException">The disk has not so much room.</exception>
    public void RequireRoom(string what, long bytes)
    {
        RequireRoom();
        if (folder.FreeBytes < bytes + DiskReserve.LeastBytes)
            throw Full(string.Create(CultureInfo.InvariantCulture, $"{what} needs {bytes:N0} bytes"), null);
    }

    /// <summary>
    /// Removes rows and then files. Where there is no room even for that, the files go first and make it: who deletes wants both gone.
    /// </summary>
    /// <param name="rows">Removes them, or throws why they must stay.</param>
    public async Task DeleteAsync(Func<Task> rows, string files)
    {
        try
        {
            await rows();
        }
        catch (Exception e) when (Explain(e) is { IsFull: true })
        {
            folder.Delete(files);
            await rows();
        }
        folder.Delete(files);
        Look();
    }

    /// <summary>
    /// Removes rows and moves the files to the trash, from where both can be taken back; where the disk is full, nothing waits there: who
    /// deletes then wants the room.
    /// </summary>
    /// <param name="row">Removes the row and returns it, or throws why it must stay.</param>
    /// <returns>Its name in the trash; null when it is gone for good.</returns>
    public async Task<string?> DeleteToTrashAsync(Func<Task<object>> row, StoredKind kind, Guid id, TrashFolder trash)
    {
        if (IsFull || !Directory.Exists(folder.Home(kind, id)))
        {
            await DeleteAsync(row, folder.Home(kind, id));
            return null;
        }
        object? removed = null;
        try
        {
            removed = await row();
            return trash.Put(kind, id, removed);
        }
        catch (Exception e) when (Explain(e) is { IsFull: true })
        {
            await DeleteAsync(removed is null ? row : (Func<Task>)(() => Task.CompletedTask), folder.Home(kind, id));
            return null;
        }
    }

    /// <summary>Remembers a refusal for whoever asks, and logs the first one of its kind.</summary>
    public void Note(StorageRefusedException problem)
    {
        StorageRefusedException? before = Interlocked.Exchange(ref _problem, problem);
        if (before?.IsFull == problem.IsFull)
            return;
        logger.LogError(problem, "{Problem}", problem.Message);
        announcements.Announce(Guid.Empty);
    }

    /// <summary>
    /// Saves; while the disk refuses, again every second. With <paramref name="ended"/> signalled it is tried once more, and then the
    /// refusal is thrown.
    /// </summary>
    public void Persist(Action save, CancellationToken ended)
    {
        while (true)
        {
            try
            {
                save();
                return;
            }
            catch (Exception e) when (!ended.IsCancellationRequested && Explain(e) is { } refused)
            {
                Note(refused);
                ended.WaitHandle.WaitOne(RetryInterval);
                Look();
            }
        }
    }

    /// <summary>Gives the reserve up where a server could not start without it: then whatever makes room can be done.</summary>
    public void MakeRoomToStart()
    {
        if (folder.FreeBytes < 4 * DiskReserve.LeastBytes && reserve.GiveUp())
            Note(Full(null, null));
    }

    /// <summary>Looks whether there is room again: lays the reserve, and removes what could not be removed before.</summary>
    public void Look()
    {
        try
        {
            if (reserve.Lay())
                logger.LogInformation("A reserve of {Bytes} bytes is kept on the disk", new FileInfo(reserve.File).Length);
            if (folder.RemoveDiscarded() == 0 && _problem is { } problem && IsOver(problem))
            {
                _problem = null;
                logger.LogInformation("The disk takes writes again");
                announcements.Announce(Guid.Empty);
            }
        }
        catch (Exception e) when (Explain(e) is { } refused)
        {
            Note(refused);
        }
        catch (IOException e)
        {
            logger.LogError(e, "The data folder could not be looked after");
        }
    }

    private bool IsOver(StorageRefusedException problem)
    {
        if (problem.IsFull)
            return !IsFull && folder.FreeBytes >= DiskReserve.LeastBytes;
        string probe = folder.CreateIncoming();
        folder.Files.DeleteFolder(probe);
        return true;
    }

    private static bool IsFullDisk(Exception problem) => SqliteDatabase.IsFull(problem) || problem is IOException io && FileLayer.IsDiskFull(io);

    private StorageRefusedException Full(string? needs, Exception? cause)
    {
        string what = needs is null ? "" : needs + " and ";
        return new StorageRefusedException(string.Create(CultureInfo.InvariantCulture,
            $"The disk is full: {what}{folder.FreeBytes:N0}{(needs is null ? " bytes" : "")} are free. ")
            + "Delete runs, checkpoints, models, data sets or backups that are not needed, which always works (Settings shows what takes how much), "
            + "or make room on the disk otherwise.", isFull: true, cause);
    }

    private static StorageRefusedException Unwritable(Exception cause) => new(
        $"The data folder cannot be written{(cause is SqliteException ? $" ({cause.Message.TrimEnd('.')})" : "")}: its file system may have become read-only after an error of the disk. What was saved is safe. "
        + "Look into the system's log and make the folder writable again; what waits goes on by itself.", isFull: false, cause);

    private static class SqliteErrors
    {
        public const int ReadOnly = 8, Device = 10, Full = 13, CannotOpen = 14;
    }
}
