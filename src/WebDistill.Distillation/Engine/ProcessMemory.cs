using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Engine;

/// <summary>Memory that this process has from the operating system and does not use.</summary>
public static partial class ProcessMemory
{
    private static readonly Lock s_turn = new();

    /// <summary>
    /// Gives back what ended work left behind: tensors that nobody disposed, the heap's free pages, and those of the C library, which
    /// keeps what libtorch frees. Called when a run, an import, a preparation or an evaluation is over; it stops every thread for as long as
    /// a compaction of the heap takes, tens of milliseconds here.
    /// </summary>
    public static void GiveBack()
    {
        lock (s_turn)
        {
            // Twice: finalizers free what holds native memory, and only the second pass finds their objects gone.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            if (OperatingSystem.IsLinux() && s_trims)
                _ = TrimHeap(0);
        }
    }

    // glibc's; musl has none, and nothing to trim.
    private static readonly bool s_trims = OperatingSystem.IsLinux()
        && NativeLibrary.TryLoad("libc.so.6", out nint library) && NativeLibrary.TryGetExport(library, "malloc_trim", out _);

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint keepBytes);
}
