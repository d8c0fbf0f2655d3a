using System.Security.Cryptography;

namespace WebDistill.Web.Storage;

/// <summary>
/// A file of noise that is given up when the disk is full, so that what makes room again can always be recorded: SQLite needs a little room
/// to delete, pause or rename. While it is given up the disk counts as full: its room is for that alone. It is laid again by itself as soon
/// as twice as much is free, so that it never is what fills the disk.
/// </summary>
/// <param name="bytes">Its size; 0 keeps none.</param>
public sealed class DiskReserve(DataFolder folder, long bytes)
{
    /// <summary>Below it SQLite cannot be expected to write anything, whatever its error says.</summary>
    internal const long LeastBytes = 1 << 20;

    private const int BlockBytes = 1 << 20;

    private readonly Lock _lock = new();
    private long _givenUpBytes;

    /// <summary>Its file.</summary>
    public string File { get; } = Path.Combine(folder.Root, "reserve");

    /// <summary>Its size when there is room for it.</summary>
    public long Bytes => bytes;

    /// <summary>Whether the disk was full and is not yet known to have room again.</summary>
    public bool IsGivenUp
    {
        get
        {
            lock (_lock)
                return _givenUpBytes > 0;
        }
    }

    /// <summary>Lets the disk have the room.</summary>
    /// <returns>Whether there was any to give.</returns>
    public bool GiveUp()
    {
        lock (_lock)
        {
            var file = new FileInfo(File);
            if (!file.Exists)
                return false;
            long given = file.Length;
            folder.Files.DeleteFile(File);
            _givenUpBytes = given;
            return given > 0;
        }
    }

    /// <summary>Lays it if it is missing and there is room: all of it, or half of what is free.</summary>
    /// <returns>Whether it was laid now.</returns>
    /// <exception cref="IOException">The disk refuses; nothing of the file stays.</exception>
    public bool Lay()
    {
        lock (_lock)
        {
            var file = new FileInfo(File);
            long free = folder.FreeBytes + (file.Exists ? file.Length : 0);
            long size = Math.Min(bytes, free / 2);
            bool stands = file.Exists && (file.Length >= size || size < bytes);
            if (stands || size < LeastBytes && _givenUpBytes == 0 || free < 2 * _givenUpBytes || bytes == 0)
                return false;
            Write(size);
            _givenUpBytes = 0;
            return true;
        }
    }

    // Noise, and written: a file system that compresses or allocates late would keep no room for zeros or for a mere length.
    private void Write(long size)
    {
        byte[] noise = RandomNumberGenerator.GetBytes(BlockBytes);
        string partial = File + ".partial";
        try
        {
            using (Stream stream = folder.Files.Create(partial))
            {
                for (long left = size; left > 0; left -= BlockBytes)
                    stream.Write(noise, 0, (int)Math.Min(left, BlockBytes));
                folder.Files.Sync(stream);
            }
            folder.Files.RenameFile(partial, File);
        }
        catch
        {
            folder.Files.DeleteFile(partial);
            throw;
        }
    }
}
