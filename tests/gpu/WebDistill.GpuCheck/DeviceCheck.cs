using System.Runtime.InteropServices;
using WebDistill.Benchmarks;
using WebDistill.Distillation.Engine;

namespace WebDistill.GpuCheck;

/// <summary><c>device</c>: whether libtorch loads here, from where, and what it computes on.</summary>
internal static class DeviceCheck
{
    public static int Run()
    {
        Report.Line(new
        {
            Check = "device", Engine = Device.Name, Device.IsCuda, Machine = RuntimeInformation.RuntimeIdentifier,
            IsLibTorchSharpPatched = LibTorch.IsPatchedCopy,
            DeviceMemoryMebibytes = Device.GpuMemory?.TotalBytes >> 20,
            Libraries = LoadedLibraries(),
        });
        return 0;
    }

    /// <summary>Paths of libtorch's libraries as the kernel mapped them.</summary>
    private static string[] LoadedLibraries() =>
    [
        .. File.ReadLines("/proc/self/maps")
            .Select(line => line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length == 6)
            .Select(fields => fields[5])
            .Where(path => Path.GetFileName(path) is string file && (file.StartsWith("libtorch", StringComparison.Ordinal)
                || file.StartsWith("libc10", StringComparison.Ordinal) || path.Contains("libLibTorchSharp", StringComparison.Ordinal)))
            .Distinct(),
    ];
}
