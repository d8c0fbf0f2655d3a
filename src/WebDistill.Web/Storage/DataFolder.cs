using System.Collections.Concurrent;
using System.IO.Enumeration;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Storage;

/// <summary>
/// The files under Storage:Root. A folder of weights or tokens is written under <c>incoming/</c>, brought to the disk, and only then
/// renamed to its place: what has its final name is whole, and what is under <c>incoming/</c> at start-up was cut off and is removed. A folder
/// with a final name that no row of the database names is not: it goes to <see cref="Trash"/>.
/// </summary>
public sealed class DataFolder : IDisposable
{
    /// <summary>Where a run's checkpoints stand below its folder.</summary>
    public const string CheckpointsFolder = "checkpoints";

    private readonly FolderLock _lock;
    private readonly ConcurrentQueue<string> _discarded = new();

    /// <summary>
    /// Creates the folders under <paramref name="root"/> that are missing and takes the folder for this process alone. A root that it
    /// creates is closed to other users of the machine; one that stands keeps its rights.
    /// </summary>
    /// <param name="files">What writes there.</param>
    /// <exception cref="FolderInUseException">Another process has it: two would train the same queue.</exception>
    /// <exception cref="IOException">It cannot be written: the disk is full, read-only or broken, or something else stands in its place or in
    /// that of what it holds.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    public DataFolder(string root, FileLayer files)
    {
        Files = files;
        Root = Path.GetFullPath(root);
        string[] folders = [Home(StoredKind.Model), Home(StoredKind.Dataset), Home(StoredKind.Run), Trash, Incoming];
        foreach (string folder in folders.Append(Backups).Prepend(Root))
            RequireFolder(folder);
        foreach (string file in new[] { DatabaseFile, $"{DatabaseFile}-wal", $"{DatabaseFile}-shm", Path.Combine(Root, FolderLock.FileName) })
            RequireFile(file);
        Files.CreatePrivateFolder(Root);
        _lock = FolderLock.TryTake(Root) ?? throw new FolderInUseException(Root);
        try
        {
            foreach (string folder in folders)
                Files.CreateFolder(folder);
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    // The system's own words for these are about rights, or about files that exist already.
    private static void RequireFolder(string path)
    {
        var folder = new DirectoryInfo(path);
        if (folder.LinkTarget is string target && !Path.Exists(folder.ResolveLinkTarget(returnFinalTarget: true)!.FullName))
            throw new IOException($"'{folder.Name}' is a link to '{target}', which is not there. Create that folder, or remove the link.");
        if (File.Exists(path))
            throw new IOException($"'{folder.Name}' is a file, expected a folder. Move it elsewhere.");
    }

    private static void RequireFile(string path)
    {
        if (Directory.Exists(path))
            throw new IOException($"'{Path.GetFileName(path)}' is a folder, expected a file that WebDistill writes. Move it elsewhere.");
    }

    /// <summary>Lets another process have the folder.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Storage:Root as an absolute path.</summary>
    public string Root { get; }

    /// <summary>What writes there.</summary>
    public FileLayer Files { get; }

    /// <summary>Bytes that this process may still write there.</summary>
    public long FreeBytes => Files.FreeBytes(Root);

    /// <summary>The database file.</summary>
    public string DatabaseFile => Path.Combine(Root, "webdistill.db");

    /// <summary>Copies of the database.</summary>
    public string Backups => Path.Combine(Root, "backups");

    /// <summary>Folders of what was deleted, or that no row of the database names, until somebody takes them back or deletes them.</summary>
    public string Trash => Path.Combine(Root, "trash");

    private string Incoming => Path.Combine(Root, "incoming");

    /// <summary>A model's Hugging Face folder.</summary>
    public string Model(Guid id) => Home(StoredKind.Model, id);

    /// <summary>A data set's folder.</summary>
    public string Dataset(Guid id) => Home(StoredKind.Dataset, id);

    /// <summary>A run's folder.</summary>
    public string Run(Guid id) => Home(StoredKind.Run, id);

    /// <summary>Where something of that kind and id stands.</summary>
    public string Home(StoredKind kind, Guid id) => Path.Combine(Home(kind), id.ToString("N"));

    /// <summary>The ids of that kind that have a folder.</summary>
    public IEnumerable<Guid> Stored(StoredKind kind)
    {
        foreach (string path in Directory.EnumerateDirectories(Home(kind)))
        {
            if (Guid.TryParseExact(Path.GetFileName(path), "N", out Guid id))
                yield return id;
        }
    }

    private string Home(StoredKind kind) => Path.Combine(Root, kind switch
    {
        StoredKind.Model => "models",
        StoredKind.Dataset => "datasets",
        StoredKind.Run => "runs",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    });

    /// <summary>
    /// A message in which files are named from this folder on: where the folder stands is the administrator's business, and only Settings
    /// shows it.
    /// </summary>
    public string Hide(string message) => message
        .Replace(Root + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
        .Replace(Root, "the data folder", StringComparison.Ordinal);

    /// <summary>A run's checkpoints.</summary>
    public CheckpointStore CheckpointsOf(Guid runId) => new(Path.Combine(Run(runId), CheckpointsFolder), Files);

    /// <summary>A new folder to write into.</summary>
    public string CreateIncoming()
    {
        string folder = Path.Combine(Incoming, Guid.NewGuid().ToString("N"));
        Files.CreateFolder(folder);
        return folder;
    }

    /// <summary>
    /// Brings every file of <paramref name="incoming"/> to the disk and renames the folder to <paramref name="final"/>, whose parent is
    /// created. When that fails, nothing stands at <paramref name="final"/> that did not before.
    /// </summary>
    /// <exception cref="IOException"><paramref name="final"/> exists, or the disk refuses.</exception>
    public void Publish(string incoming, string final)
    {
        string parent = Path.GetDirectoryName(final)!;
        Files.CreateFolder(parent);
        foreach (string file in Directory.EnumerateFiles(incoming, "*", SearchOption.AllDirectories))
            Files.SyncFile(file);
        Files.SyncFolder(incoming);
        Files.RenameFolder(incoming, final);
        try
        {
            Files.SyncFolder(parent);
        }
        catch
        {
            Delete(final);
            throw;
        }
    }

    /// <summary>
    /// Removes a folder with all it holds: first out of sight by one rename, so that a crash in between leaves no half of it. What the
    /// disk does not let go of now, <see cref="RemoveDiscarded"/> removes later.
    /// </summary>
    public void Delete(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        string doomed;
        try
        {
            doomed = TakeAway(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _discarded.Enqueue(folder);
            return;
        }
        Discard(doomed);
    }

    /// <summary>The first half of a removal: one rename out of sight, into a folder that <see cref="Discard"/> then removes.</summary>
    /// <exception cref="IOException">The disk refuses; the folder is where it was.</exception>
    public string TakeAway(string folder)
    {
        string doomed = Path.Combine(Incoming, Guid.NewGuid().ToString("N"));
        Files.RenameFolder(folder, doomed);
        return doomed;
    }

    /// <summary>
    /// Removes a folder or a file under <c>incoming/</c> that nobody wants; one that is not there is no error. Never fails, so that it can clean up
    /// after a failure without hiding it: what the disk does not let go of now, <see cref="RemoveDiscarded"/> removes later.
    /// </summary>
    public void Discard(string incoming)
    {
        if (!TryRemove(incoming))
            _discarded.Enqueue(incoming);
    }

    /// <summary>The same for a file elsewhere that nobody wants.</summary>
    public void DiscardFile(string path)
    {
        if (!TryRemove(path))
            _discarded.Enqueue(path);
    }

    /// <summary>Tries once more to remove what could not be removed.</summary>
    /// <returns>How many files and folders are still left.</returns>
    public int RemoveDiscarded()
    {
        for (int tries = _discarded.Count; tries > 0 && _discarded.TryDequeue(out string? folder); tries--)
            Discard(folder);
        return _discarded.Count;
    }

    private bool TryRemove(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Files.DeleteFolder(path);
            else if (File.Exists(path))
                Files.DeleteFile(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Removes what earlier processes left under <c>incoming/</c> and as <c>.partial</c> files: writes that were cut off, and what was being
    /// deleted. Nothing else is ever removed because nobody names it.
    /// </summary>
    public void RemoveCutOffWrites()
    {
        foreach (string left in Directory.EnumerateFileSystemEntries(Incoming))
            Discard(left);
        IEnumerable<string> replaceFiles = Directory.EnumerateDirectories(Home(StoredKind.Dataset)).Append(Root).Append(Trash);
        foreach (string file in (Directory.Exists(Backups) ? replaceFiles.Append(Backups) : replaceFiles)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.partial")))
            DiscardFile(file);
    }

    /// <summary>
    /// Size of all files under <paramref name="folder"/>, whatever is made and removed there meanwhile; 0 when there is no such folder.
    /// </summary>
    public static long Bytes(string folder)
    {
        try
        {
            // The entry itself says how long its file is, and 0 when that is gone since it was listed; a FileInfo would throw.
            return new FileSystemEnumerable<long>(
                folder, (ref FileSystemEntry file) => file.IsDirectory ? 0 : file.Length, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
                .Sum();
        }
        catch (DirectoryNotFoundException)
        {
            return 0;
        }
    }
}

/// <summary>What a folder named by an id holds.</summary>
public enum StoredKind
{
    /// <summary>A Hugging Face folder.</summary>
    Model,

    /// <summary>A text with its tokenizer and its tokens.</summary>
    Dataset,

    /// <summary>The checkpoints of a run.</summary>
    Run,
}

/// <summary>The data folder belongs to another process.</summary>
public sealed class FolderInUseException(string root) : IOException(
    $"The data folder '{root}' is in use by another WebDistill. Stop that one, or set Storage:Root to another folder.");
