namespace WebDistill.Distillation.Engine;

/// <summary>Tells whether this machine has an NVIDIA driver, whichever tensor engine is in use.</summary>
public static class NvidiaDriver
{
    /// <summary>The command that trains on the GPU.</summary>
    public const string Command = "dotnet run --project src/WebDistill.Web -p:TensorEngine=LibTorchCuda";

    /// <summary>True when the kernel module (Linux) or the driver's library (Windows) is there.</summary>
    public static bool IsPresent { get; } = OperatingSystem.IsWindows()
        ? File.Exists(Path.Combine(Environment.SystemDirectory, "nvcuda.dll"))
        : File.Exists("/proc/driver/nvidia/version");
}
