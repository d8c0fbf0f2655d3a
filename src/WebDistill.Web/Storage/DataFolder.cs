using WebDistill.Distillation;
using WebDistill.Distillation.Checkpoints;

namespace WebDistill.Web.Storage;

/// <summary>
/// The files under Storage:Root. A folder of weights or tokens is written under <c>incoming/</c>, brought to the disk, and only then
/// renamed to its place: what has its final name is whole, and what is under <c>incoming/</c> at start-up was cut off and is removed.
/// </summary>
public sealed class DataFolder : IDisposable
{
    private readonly FileStream _lock;

    /// <summary>Creates the folders under <paramref name="root"/> that are missing and takes the folder for this process alone.</summary>
    /// <param name="files">What writes there.</param>
    /// <exception cref="IOException">Another process has it: two would train the same queue.</exception>
    public DataFolder(string root, FileLayer? files = null)
    {
        Files = files ?? FileLayer.Disk;
        Root = Path.GetFullPath(root);
        foreach (string folder in new[] { Root, Models, Datasets, Runs, Incoming })
            Directory.CreateDirectory(folder);
        try
        {
            _lock = new FileStream(Path.Combine(Root, "in-use.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"The data folder '{Root}' is in use by another WebDistill. Stop that one, or set Storage:Root to "
                + "another folder.", e);
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

    /// <summary>A message with every path inside this folder written from here: people know files by name, not by where a server keeps them.</summary>
    public string WithoutPaths(string message) => message.Replace(Root + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);

    /// <summary>The database file.</summary>
    public string DatabaseFile => Path.Combine(Root, "webdistill.db");

    /// <summary>Copies of the database.</summary>
    public string Backups => Path.Combine(Root, "backups");

    private string Models => Path.Combine(Root, "models");
    private string Datasets => Path.Combine(Root, "datasets");
    private string Runs => Path.Combine(Root, "runs");
    private string Incoming => Path.Combine(Root, "incoming");

    /// <summary>A model's Hugging Face folder.</summary>
    public string Model(Guid id) => Path.Combine(Models, id.ToString("N"));

    /// <summary>A data set's folder.</summary>
    public string Dataset(Guid id) => Path.Combine(Datasets, id.ToString("N"));

    /// <summary>A run's folder.</summary>
    public string Run(Guid id) => Path.Combine(Runs, id.ToString("N"));

    /// <summary>A run's checkpoints.</summary>
    public CheckpointStore CheckpointsOf(Guid runId) => new(Path.Combine(Run(runId), "checkpoints"), Files);

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

    /// <summary>Removes what earlier processes left under <c>incoming/</c>, and folders that no row of the database names.</summary>
    public void RemoveLeftOvers(IReadOnlySet<Guid> models, IReadOnlySet<Guid> datasets, IReadOnlySet<Guid> runs)
    {
        foreach (string folder in Directory.EnumerateDirectories(Incoming))
            Directory.Delete(folder, recursive: true);
        foreach ((string parent, IReadOnlySet<Guid> known) in new[] { (Models, models), (Datasets, datasets), (Runs, runs) })
        {
            foreach (string folder in Directory.EnumerateDirectories(parent))
            {
                if (Guid.TryParseExact(Path.GetFileName(folder), "N", out Guid id) && !known.Contains(id))
                    Delete(folder);
            }
        }
    }

    /// <summary>Size of all files under <paramref name="folder"/>.</summary>
    public static long Bytes(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
