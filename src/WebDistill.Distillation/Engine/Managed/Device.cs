using TorchSharp;
using TorchSharp.Kernels;

namespace WebDistill.Distillation.Engine;

/// <summary>The device that tensors live on: this machine's processor.</summary>
public static class Device
{
    /// <summary>Name for people.</summary>
    public static string Name => $"Managed CPU, {Threads} {(Threads == 1 ? "thread" : "threads")}";

    /// <summary>Threads that compute.</summary>
    public static int Threads => WorkerPool.ThreadCount;

    /// <summary>Whether tensors live on an NVIDIA GPU.</summary>
    public static bool IsCuda => false;

    /// <summary>Memory in use, bytes: the process's resident memory, where all tensors are.</summary>
    public static long MemoryBytes => Environment.WorkingSet;

    /// <summary>Memory of the GPU that tensors live on; this engine knows none.</summary>
    public static GpuMemory? GpuMemory => null;

    /// <summary>Gives memory that freed tensors left for reuse back to the operating system.</summary>
    internal static void TrimPool() => BufferPool.Trim();

    /// <summary>Where models and batches are put.</summary>
    internal static torch.Device Default => torch.CPU;
}
