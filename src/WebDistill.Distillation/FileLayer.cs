using System.Runtime.InteropServices;

namespace WebDistill.Distillation;

/// <summary>
/// The calls that durability rests on: what must survive a power cut passes through here and nowhere else, so that a test can make any
/// one of them fail and look at what is left.
/// </summary>
public partial class FileLayer
{
    /// <summary>The file system of this machine.</summary>
    public static FileLayer Disk { get; } = new();

    /// <summary>Opens a file for writing, empty, for this writer alone.</summary>
    /// <exception cref="IOException">The folder is missing, or another writer has the file open.</exception>
    public virtual Stream Create(string path) =>
        new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);

    /// <summary>Brings everything written to <paramref name="stream"/>, which <see cref="Create"/> made, to the disk.</summary>
    public virtual void Sync(Stream stream) => ((FileStream)stream).Flush(flushToDisk: true);

    /// <summary>Renames a file; one that has the new name is replaced.</summary>
    public virtual void RenameFile(string from, string to) => File.Move(from, to, overwrite: true);

    /// <summary>Renames a folder.</summary>
    /// <exception cref="IOException">The new name is taken.</exception>
    public virtual void RenameFolder(string from, string to) => Directory.Move(from, to);

    /// <summary>Removes a file; one that is not there is no error.</summary>
    public virtual void DeleteFile(string path) => File.Delete(path);

    /// <summary>Removes a folder with all it holds.</summary>
    public virtual void DeleteFolder(string path) => Directory.Delete(path, recursive: true);

    /// <summary>Makes renames inside a folder survive a power cut. Windows has no such call: NTFS journals its renames.</summary>
    /// <exception cref="IOException">The folder cannot be opened or synced.</exception>
    public virtual void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        int descriptor = OpenFolder(folder, 0);
        if (descriptor < 0)
            throw new IOException($"{Path.GetFileName(folder)}: the folder cannot be opened for fsync (errno {Marshal.GetLastPInvokeError()}).");
        try
        {
            if (SyncDescriptor(descriptor) != 0)
                throw new IOException($"{Path.GetFileName(folder)}: fsync of the folder failed (errno {Marshal.GetLastPInvokeError()}).");
        }
        finally
        {
            _ = CloseDescriptor(descriptor);
        }
    }

    /// <summary>Whether <paramref name="problem"/> says that the disk, or the share of it that may be used, is full.</summary>
    public static bool IsDiskFull(IOException problem)
    {
        // ENOSPC and EDQUOT as .NET reports them on Unix; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL on Windows.
        const int noSpace = 28, quota = 122, diskFull = unchecked((int)0x80070070), handleDiskFull = unchecked((int)0x80070027);
        return problem.HResult is noSpace or quota or diskFull or handleDiskFull;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseDescriptor(int descriptor);
}
