using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Engine;

/// <summary>The device that tensors live on: this machine's processor.</summary>
public static class Device
{
    /// <summary>Name for people: processor architecture and number of threads.</summary>
    public static string Name { get; } = $"CPU ({RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} threads)";

    /// <summary>Threads that compute.</summary>
    public static int Threads => Environment.ProcessorCount;

    /// <summary>Whether tensors live on an NVIDIA GPU.</summary>
    public static bool IsCuda => false;

    /// <summary>Memory in use, bytes: the process's resident memory, where all tensors are.</summary>
    public static long MemoryBytes => Environment.WorkingSet;
}
