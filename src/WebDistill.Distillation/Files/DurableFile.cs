namespace WebDistill.Distillation.Files;

/// <summary>
/// A file that appears whole or not at all, also after a power cut: written beside its place as <c>name.partial</c>, fsynced, renamed, and
/// its folder fsynced. Dispose without <see cref="Commit"/> removes what was written and leaves an older file as it was.
/// </summary>
public sealed class DurableFile : IDisposable
{
    private readonly FileLayer _files;
    private readonly string _partialPath;
    private bool _committed;

    /// <summary>Starts writing; throws when the folder is missing or another writer has the same file open.</summary>
    public DurableFile(string path, FileLayer files)
    {
        _files = files;
        Path = System.IO.Path.GetFullPath(path);
        _partialPath = Path + ".partial";
        Stream = _files.Create(_partialPath);
    }

    /// <summary>Where the file will stand.</summary>
    public string Path { get; }

    /// <summary>What is written goes here; seekable and readable.</summary>
    public Stream Stream { get; }

    /// <summary>Makes the file appear under its name, replacing an older one.</summary>
    public void Commit()
    {
        _files.Sync(Stream);
        Stream.Dispose();
        _files.RenameFile(_partialPath, Path);
        _committed = true;
        _files.SyncFolder(System.IO.Path.GetDirectoryName(Path)!);
    }

    public void Dispose()
    {
        try
        {
            Stream.Dispose();
        }
        finally
        {
            if (!_committed)
                _files.DeleteFile(_partialPath);
        }
    }

    /// <summary>Writes a whole file.</summary>
    public static void Write(string path, Action<Stream> write, FileLayer files)
    {
        using var file = new DurableFile(path, files);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>Writes a whole text file as UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text, FileLayer files) =>
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)), files);
}
