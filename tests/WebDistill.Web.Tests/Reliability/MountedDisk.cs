using System.Diagnostics;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>A test on a file system of its own; skipped, saying so, where none may be mounted.</summary>
public sealed class MountedDiskFactAttribute : FactAttribute
{
    public MountedDiskFactAttribute()
    {
        if (MountedDisk.WhyNot is string reason)
            Skip = $"Needs to mount a file system, which this user or container may not: {reason}";
    }
}

/// <summary>A small real file system in a folder: a disk that is really full, or really becomes read-only under a running server.</summary>
internal sealed class MountedDisk : IDisposable
{
    private static readonly Lazy<string?> s_whyNot = new(TryBoth);

    private readonly string _folder = Directory.CreateTempSubdirectory("webdistill-disk-").FullName;
    private bool _isMounted;

    private MountedDisk()
    {
        Root = Path.Combine(_folder, "root");
        Directory.CreateDirectory(Root);
    }

    /// <summary>Why no file system can be mounted; null when one can.</summary>
    public static string? WhyNot => s_whyNot.Value;

    public string Root { get; }

    /// <summary>In memory, with so much room.</summary>
    public static MountedDisk Tmpfs(int megabytes)
    {
        var disk = new MountedDisk();
        disk.Mount("-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", disk.Root);
        return disk;
    }

    /// <summary>ext4 in a file, which can meet an error: see <see cref="Fail"/>.</summary>
    public static MountedDisk Ext4(int megabytes)
    {
        var disk = new MountedDisk();
        using (FileStream image = File.Create(disk.Image))
            image.SetLength((long)megabytes << 20);
        Run("mkfs.ext4", "-q", "-F", disk.Image);
        disk.Mount("-o", "loop", disk.Image, disk.Root);
        return disk;
    }

    /// <summary>What the kernel does to ext4 after an error of the device: every write from now on is refused, also to files that are open.</summary>
    public void Fail() => Run("mount", "-o", "remount,abort", Root);

    /// <summary>What an administrator does then, when nothing uses the disk any more.</summary>
    public void Repair()
    {
        Unmount();
        Run("fsck.ext4", "-y", Image);
        Mount("-o", "loop", Image, Root);
    }

    /// <summary>Writes into a file until nothing more fits.</summary>
    /// <returns>The file: without it there is room again.</returns>
    public string Fill()
    {
        string path = Path.Combine(Root, "somebody-elses-file");
        using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        byte[] block = new byte[1 << 16];
        for (int size = block.Length; size > 0; size /= 2)
        {
            try
            {
                while (true)
                    file.Write(block, 0, size);
            }
            catch (IOException)
            {
                // Smaller pieces may still fit.
            }
        }
        return path;
    }

    public void Dispose()
    {
        if (_isMounted)
            Unmount();
        Directory.Delete(_folder, recursive: true);
    }

    private string Image => Path.Combine(_folder, "image");

    private void Mount(params string[] arguments)
    {
        Run("mount", arguments);
        _isMounted = true;
    }

    private void Unmount()
    {
        Run("umount", Root);
        _isMounted = false;
    }

    private static string? TryBoth()
    {
        if (!OperatingSystem.IsLinux())
            return "it is not Linux";
        try
        {
            Tmpfs(1).Dispose();
            Ext4(8).Dispose();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return e.Message;
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        // fsck says with 1 and 2 that it mended something.
        if (process.ExitCode != 0 && !(program == "fsck.ext4" && process.ExitCode <= 2))
            throw new InvalidOperationException($"{program}: {error.Trim()}");
    }
}
