using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Files;

/// <summary>
/// Keeps a folder for one process. The lock lies on the folder itself (flock), so that no file can be deleted or replaced to get past it;
/// beside it on the file <c>in-use.lock</c>, for Windows and for network file systems that lock files and not folders.
/// </summary>
public sealed partial class FolderLock : IDisposable
{
    /// <summary>The file beside the lock on the folder itself.</summary>
    public const string FileName = "in-use.lock";

    private const int LockExclusive = 2, LockNonBlocking = 4;

    private readonly FileStream _file;
    private readonly int _folder;

    private FolderLock(FileStream file, int folder) => (_file, _folder) = (file, folder);

    /// <summary>Takes the folder.</summary>
    /// <returns>Null when another process, or another place in this one, has it.</returns>
    /// <exception cref="IOException">The lock file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not write there.</exception>
    public static FolderLock? TryTake(string root)
    {
        FileStream file;
        try
        {
            file = new FileStream(Path.Combine(root, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld(e.HResult))
        {
            return null;
        }
        int folder = -1;
        if (!OperatingSystem.IsWindows())
        {
            // Closed in programs that this one starts: they would hold the lock on.
            int closeOnExec = OperatingSystem.IsLinux() ? 0x80000 : 0x1000000;
            folder = Open(root, closeOnExec);
            if (folder >= 0 && Lock(folder, LockExclusive | LockNonBlocking) != 0 && IsHeld(Marshal.GetLastPInvokeError()))
            {
                _ = Close(folder);
                file.Dispose();
                return null;
            }
        }
        return new FolderLock(file, folder);
    }

    /// <summary>Lets others have it.</summary>
    public void Dispose()
    {
        if (_folder >= 0)
            _ = Close(_folder);
        _file.Dispose();
    }

    // EWOULDBLOCK of Linux and of macOS, and what .NET makes of a lock that is held: the sharing violation of Windows.
    private static bool IsHeld(int error) => error is 11 or 35 or unchecked((int)0x80070020) or unchecked((int)0x80070021);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
