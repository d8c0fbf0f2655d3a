using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// NVIDIA's management library (NVML), which comes with the driver: how busy the GPU is that tensors live on. Loaded only where it is there.
/// </summary>
internal sealed unsafe class NvidiaManagement
{
    /// <summary>What the driver calls it.</summary>
    public static string LibraryName => OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1";

    private readonly delegate* unmanaged<nint, Utilisation*, int> _utilisation;
    private readonly nint _device;

    private NvidiaManagement(nint library, nint device)
    {
        _utilisation = (delegate* unmanaged<nint, Utilisation*, int>)NativeLibrary.GetExport(library, "nvmlDeviceGetUtilizationRates");
        _device = device;
    }

    /// <summary>The library with the GPU of that PCI address; null where it is not there, or does not know that GPU.</summary>
    public static NvidiaManagement? Open(string library, string pciAddress)
    {
        if (!NativeLibrary.TryLoad(library, out nint loaded) || !NativeLibrary.TryGetExport(loaded, "nvmlInit_v2", out nint initialise)
            || !NativeLibrary.TryGetExport(loaded, "nvmlDeviceGetHandleByPciBusId_v2", out nint find) || !NativeLibrary.TryGetExport(loaded, "nvmlDeviceGetUtilizationRates", out _))
            return null;
        if (((delegate* unmanaged<int>)initialise)() != 0)
            return null;
        nint device;
        nint address = Marshal.StringToCoTaskMemUTF8(pciAddress);
        try
        {
            return ((delegate* unmanaged<nint, nint*, int>)find)(address, &device) == 0 ? new NvidiaManagement(loaded, device) : null;
        }
        finally
        {
            Marshal.FreeCoTaskMem(address);
        }
    }

    /// <summary>Share of the library's last interval, at most a second, in which the GPU computed: 0 to 1; null where it does not say, as of a part of a GPU.</summary>
    public double? BusyShare()
    {
        Utilisation rates;
        return _utilisation(_device, &rates) == 0 ? rates.Gpu / 100.0 : null;
    }

    // nvmlUtilization_t, in percent.
    [StructLayout(LayoutKind.Sequential)]
    private struct Utilisation
    {
        public uint Gpu;
        public uint Memory;
    }
}
