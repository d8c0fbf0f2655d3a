using System.Globalization;

namespace WebDistill.Distillation.Engine;

/// <summary>What the machine has for this process, at one moment. Bytes.</summary>
public sealed record Machine
{
    /// <summary>What tensors on the processor can take at most: physical memory, or a smaller limit of a control group.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Whether <see cref="MemoryBytes"/> is a control group's limit and not the physical memory.</summary>
    public bool IsLimitedByGroup { get; init; }

    /// <summary>What of it nobody uses now; caches that the system gives up on demand count as unused.</summary>
    public required long FreeMemoryBytes { get; init; }

    /// <summary>Memory of the GPU that tensors live on; null when they live on the processor.</summary>
    public GpuMemory? Gpu { get; init; }

    /// <summary>What may still be written to the data folder.</summary>
    public required long FreeDiskBytes { get; init; }

    /// <summary>What tensors can take at most: the GPU's memory where they live on one.</summary>
    public long TensorBytes => Gpu?.TotalBytes ?? MemoryBytes;

    /// <summary>What of it is free now.</summary>
    public long FreeTensorBytes => Gpu?.FreeBytes ?? FreeMemoryBytes;

    /// <summary>"24.1 GB of memory", "1.2 GB of memory (the limit of its control group)", "80.0 GB of GPU memory".</summary>
    public string TensorMemoryInWords => $"{BytesInWords(TensorBytes)} of "
        + (Gpu is not null ? "GPU memory" : IsLimitedByGroup ? "memory (the limit of its control group)" : "memory");

    /// <summary>The machine as it is now.</summary>
    /// <param name="freeDiskBytes">What may still be written to the data folder.</param>
    public static Machine Read(long freeDiskBytes)
    {
        (long total, long free, bool limited) = OperatingSystem.IsLinux() ? LinuxMemory.Read("/") : Portable();
        return new Machine
        {
            MemoryBytes = total, FreeMemoryBytes = free, IsLimitedByGroup = limited, Gpu = Device.GpuMemory, FreeDiskBytes = freeDiskBytes,
        };
    }

    /// <summary>In powers of 1000, as the pages write it: 412 MB, 1.2 GB, 177.4 TB.</summary>
    public static string BytesInWords(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0} MB"),
        < 1_000_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB"),
        < 1_000_000_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e12:0.0} TB"),
        < long.MaxValue => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e15:0.0} PB"),
        _ => "more than 9 000 PB",
    };

    // Windows' job objects and every other limit that the runtime knows are in its own figures.
    private static (long Total, long Free, bool Limited) Portable()
    {
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        return (memory.TotalAvailableMemoryBytes, Math.Max(0, memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes), false);
    }
}

/// <summary>A GPU's memory, bytes.</summary>
/// <param name="TotalBytes">All of it.</param>
/// <param name="FreeBytes">What no process has now.</param>
public sealed record GpuMemory(long TotalBytes, long FreeBytes);
