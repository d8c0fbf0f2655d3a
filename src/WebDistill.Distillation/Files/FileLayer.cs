using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Files;

/// <summary>
/// Every call that changes what stands on the disk: all code that writes does it through here and nowhere else, so that a test can make
/// any one of the calls fail and look at what is left. Whoever writes is given one; none has a default that could be forgotten. What
/// SQLite writes is SQLite's own.
/// </summary>
public partial class FileLayer
{
    /// <summary>The file system of this machine.</summary>
    public static FileLayer Disk { get; } = new();

    /// <summary>Creates a folder with those above it; one that is there already is no error.</summary>
    public virtual void CreateFolder(string path) => Directory.CreateDirectory(path);

    /// <summary>Creates a folder that only this user may enter, and those above it as usual; one that is there already stays as it is. Windows
    /// gives it the rights of the folder above.</summary>
    public virtual void CreatePrivateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }
        if (Path.GetDirectoryName(path) is { Length: > 0 } above)
            Directory.CreateDirectory(above);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Opens a file for writing, empty, for this writer alone.</summary>
    /// <exception cref="IOException">The folder is missing, or another writer has the file open.</exception>
    public virtual Stream Create(string path) =>
        new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, bufferSize: 1 << 16);

    /// <summary>Brings everything written to <paramref name="stream"/>, which <see cref="Create"/> made, to the disk.</summary>
    public virtual void Sync(Stream stream) => ((FileStream)stream).Flush(flushToDisk: true);

    /// <summary>Brings a file that others wrote and closed to the disk.</summary>
    /// <exception cref="IOException">There is no such file, or it cannot be synced.</exception>
    public virtual void SyncFile(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Flush(flushToDisk: true);
    }

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

    /// <summary>Bytes that this process may still write on the disk on which <paramref name="folder"/> stands.</summary>
    public virtual long FreeBytes(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>Whether <paramref name="problem"/> says that the disk, or the share of it that may be used, is full.</summary>
    public static bool IsDiskFull(IOException problem)
    {
        // ENOSPC and EDQUOT as .NET reports them on Unix; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL on Windows.
        const int noSpace = 28, quota = 122, diskFull = unchecked((int)0x80070070), handleDiskFull = unchecked((int)0x80070027);
        return problem.HResult is noSpace or quota or diskFull or handleDiskFull;
    }

    /// <summary>Whether <paramref name="problem"/> says that the disk takes no writes at all: remounted read-only, or write-protected.</summary>
    public static bool IsReadOnly(IOException problem)
    {
        // EROFS as .NET reports it on Unix; ERROR_WRITE_PROTECT on Windows.
        const int readOnlyFileSystem = 30, writeProtected = unchecked((int)0x80070013);
        return problem.HResult is readOnlyFileSystem or writeProtected;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncDescriptor(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseDescriptor(int descriptor);
}
