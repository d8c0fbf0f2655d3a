using System.Runtime.InteropServices;

namespace WebDistill.Distillation;

/// <summary>
/// A file that appears whole or not at all, also after a power cut: written beside its place as <c>name.partial</c>, fsynced, renamed, and
/// its folder fsynced. Dispose without <see cref="Commit"/> removes what was written and leaves an older file as it was.
/// </summary>
public sealed partial class DurableFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly string _partialPath;
    private bool _committed;

    /// <summary>Starts writing; throws when the folder is missing or another writer has the same file open.</summary>
    public DurableFile(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        _partialPath = Path + ".partial";
        _stream = new FileStream(_partialPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);
    }

    /// <summary>Where the file will stand.</summary>
    public string Path { get; }

    /// <summary>What is written goes here; seekable and readable.</summary>
    public FileStream Stream => _stream;

    /// <summary>Makes the file appear under its name, replacing an older one.</summary>
    public void Commit()
    {
        _stream.Flush(flushToDisk: true);
        _stream.Dispose();
        File.Move(_partialPath, Path, overwrite: true);
        _committed = true;
        SyncFolder(System.IO.Path.GetDirectoryName(Path)!);
    }

    public void Dispose()
    {
        _stream.Dispose();
        if (!_committed)
            File.Delete(_partialPath);
    }

    /// <summary>Writes a whole file.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        using var file = new DurableFile(path);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>Writes a whole text file as UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Makes renames inside a folder survive a power cut. Windows has no such call: NTFS journals its renames.</summary>
    /// <exception cref="IOException">The folder cannot be opened or synced.</exception>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = OpenFolder(folder, 0);
        if (descriptor < 0)
            throw new IOException($"{folder}: the folder cannot be opened for fsync (errno {Marshal.GetLastPInvokeError()}).");
        try
        {
            if (SyncDescriptor(descriptor) != 0)
                throw new IOException($"{folder}: fsync of the folder failed (errno {Marshal.GetLastPInvokeError()}).");
        }
        finally
        {
            _ = CloseDescriptor(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseDescriptor(int descriptor);
}
