using System.Runtime.InteropServices;
using System.Text;

namespace WebDistill.Distillation.Engine;

/// <summary>Tells whether this machine has an NVIDIA driver, whichever libtorch is in use, and asks it for what TorchSharp does not know.</summary>
public static partial class NvidiaDriver
{
    /// <summary>The command that trains on the GPU.</summary>
    public const string Command = "dotnet run --project src/WebDistill.Web -p:LibTorch=Cuda";

    private static nint s_context;

    /// <summary>True when the kernel module (Linux) or the driver's library (Windows) is there.</summary>
    public static bool IsPresent { get; } = OperatingSystem.IsWindows()
        ? File.Exists(Path.Combine(Environment.SystemDirectory, "nvcuda.dll"))
        : File.Exists("/proc/driver/nvidia/version");

    /// <summary>Memory of the first GPU that CUDA_VISIBLE_DEVICES lets this process see, the one that libtorch calls cuda:0.</summary>
    /// <exception cref="InvalidOperationException">The driver refused; the message holds its code.</exception>
    internal static GpuMemory Memory()
    {
        // The engine's own context, retained once for as long as the process lives: it is there as soon as a tensor is.
        if (s_context == 0)
        {
            Check(Initialise(0), "cuInit");
            Check(GetDevice(out int device, 0), "cuDeviceGet");
            Check(RetainContext(out s_context, device), "cuDevicePrimaryCtxRetain");
        }
        Check(PushContext(s_context), "cuCtxPushCurrent");
        try
        {
            Check(GetMemory(out nuint free, out nuint total), "cuMemGetInfo");
            return new GpuMemory((long)total, (long)free);
        }
        finally
        {
            Check(PopContext(out _), "cuCtxPopCurrent");
        }
    }

    /// <summary>Where the same GPU sits, by which other libraries know it: "00000000:3B:00.0".</summary>
    /// <exception cref="InvalidOperationException">The driver refused; the message holds its code.</exception>
    internal static string PciAddress()
    {
        Check(Initialise(0), "cuInit");
        Check(GetDevice(out int device, 0), "cuDeviceGet");
        Span<byte> address = stackalloc byte[32];
        Check(GetPciAddress(ref MemoryMarshal.GetReference(address), address.Length, device), "cuDeviceGetPCIBusId");
        return Encoding.ASCII.GetString(address[..address.IndexOf((byte)0)]);
    }

    private static void Check(int result, string function)
    {
        if (result != 0)
            throw new InvalidOperationException($"{function} of the NVIDIA driver answered {result}, expected 0. nvidia-smi shows whether the GPU works.");
    }

    // The CUDA driver API, whose library's name differs by system: nvcuda.dll, libcuda.so.1.
    private const string Library = "nvcuda";

    static NvidiaDriver() => NativeLibrary.SetDllImportResolver(typeof(NvidiaDriver).Assembly, (name, assembly, path) =>
        name == Library && !OperatingSystem.IsWindows() ? NativeLibrary.Load("libcuda.so.1", assembly, path) : 0);

    [LibraryImport(Library, EntryPoint = "cuInit")]
    private static partial int Initialise(uint flags);

    [LibraryImport(Library, EntryPoint = "cuDeviceGet")]
    private static partial int GetDevice(out int device, int ordinal);

    [LibraryImport(Library, EntryPoint = "cuDeviceGetPCIBusId")]
    private static partial int GetPciAddress(ref byte address, int length, int device);

    [LibraryImport(Library, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int RetainContext(out nint context, int device);

    [LibraryImport(Library, EntryPoint = "cuCtxPushCurrent_v2")]
    private static partial int PushContext(nint context);

    [LibraryImport(Library, EntryPoint = "cuCtxPopCurrent_v2")]
    private static partial int PopContext(out nint context);

    [LibraryImport(Library, EntryPoint = "cuMemGetInfo_v2")]
    private static partial int GetMemory(out nuint free, out nuint total);
}
