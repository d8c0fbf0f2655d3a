using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Kernels;

/// <summary>Unmanaged scratch memory of the kernels, on cache lines. glibc keeps what is freed for the next request.</summary>
internal static unsafe class AlignedMemory
{
    /// <summary>Length of a cache line.</summary>
    public const int AlignmentBytes = 64;

    /// <summary>Memory for that many floats, not initialised.</summary>
    /// <exception cref="OutOfMemoryException">The operating system has none.</exception>
    public static float* Floats(long count) => (float*)Bytes(checked(count * sizeof(float)));

    /// <summary>Memory for that many floats, all 0.</summary>
    public static float* Zeros(int count)
    {
        float* memory = Floats(count);
        new Span<float>(memory, count).Clear();
        return memory;
    }

    /// <summary>That many bytes, not initialised.</summary>
    public static void* Bytes(long count) => NativeMemory.AlignedAlloc((nuint)count, AlignmentBytes);

    /// <summary>Gives memory back; null is allowed and does nothing.</summary>
    public static void Free(void* memory) => NativeMemory.AlignedFree(memory);
}
