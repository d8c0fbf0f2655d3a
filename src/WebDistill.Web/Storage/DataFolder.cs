using WebDistill.Distillation;
using WebDistill.Distillation.Checkpoints;

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

    /// <summary>Creates the folders under <paramref name="root"/> that are missing and takes the folder for this process alone.</summary>
    /// <param name="files">What writes there.</param>
    /// <exception cref="FolderInUseException">Another process has it: two would train the same queue.</exception>
    /// <exception cref="IOException">It cannot be written: the disk is full, read-only or broken.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    public DataFolder(string root, FileLayer? files = null)
    {
        Files = files ?? FileLayer.Disk;
        Root = Path.GetFullPath(root);
        Directory.CreateDirectory(Root);
        _lock = FolderLock.TryTake(Root) ?? throw new FolderInUseException(Root);
        try
        {
            foreach (string folder in new[] { Home(StoredKind.Model), Home(StoredKind.Dataset), Home(StoredKind.Run), Trash, Incoming })
                Directory.CreateDirectory(folder);
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>Lets another process have the folder.</summary>
    public void Dispose() => _lock.Dispose();

    /// <summary>Storage:Root as an absolute path.</summary>
    public string Root { get; }

    /// <summary>What writes there.</summary>
    public FileLayer Files { get; }

    /// <summary>Bytes that this process may still write there.</summary>
    public long FreeBytes => new DriveInfo(Root).AvailableFreeSpace;

    /// <summary>The database file.</summary>
    public string DatabaseFile => Path.Combine(Root, "webdistill.db");

    /// <summary>Copies of the database.</summary>
    public string Backups => Path.Combine(Root, "backups");

    /// <summary>Folders that no row of the database names, until somebody takes them back or deletes them.</summary>
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

    /// <summary>A run's checkpoints.</summary>
    public CheckpointStore CheckpointsOf(Guid runId) => new(Path.Combine(Run(runId), CheckpointsFolder), Files);

    /// <summary>A new folder to write into.</summary>
    public string CreateIncoming() => Directory.CreateDirectory(Path.Combine(Incoming, Guid.NewGuid().ToString("N"))).FullName;

    /// <summary>
    /// Brings every file of <paramref name="incoming"/> to the disk and renames the folder to <paramref name="final"/>, whose parent is
    /// created.
    /// IOException when <paramref name="final"/> exists.
    /// </summary>
    public void Publish(string incoming, string final)
    {
        string parent = Path.GetDirectoryName(final)!;
        Directory.CreateDirectory(parent);
        foreach (string file in Directory.EnumerateFiles(incoming, "*", SearchOption.AllDirectories))
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
            stream.Flush(flushToDisk: true);
        }
        Files.SyncFolder(incoming);
        Files.RenameFolder(incoming, final);
        Files.SyncFolder(parent);
    }

    /// <summary>
    /// Removes a folder with all it holds: first out of sight by one rename, so that a crash in between leaves no half of it.
    /// </summary>
    public void Delete(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        string doomed = Path.Combine(Incoming, Guid.NewGuid().ToString("N"));
        Directory.Move(folder, doomed);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>
    /// Removes what earlier processes left under <c>incoming/</c>: writes that were cut off, and what was being deleted. Nothing else is
    /// ever removed because nobody names it.
    /// </summary>
    public void RemoveCutOffWrites()
    {
        foreach (string folder in Directory.EnumerateDirectories(Incoming))
            Directory.Delete(folder, recursive: true);
    }

    /// <summary>Size of all files under <paramref name="folder"/>.</summary>
    public static long Bytes(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
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
