using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Tests.Kernels;

/// <summary>Floats, all 1, whose last is followed by memory that must not be touched: reading or writing beyond ends the process.</summary>
internal sealed unsafe class MemoryEdge : IDisposable
{
    private const int ReadAndWrite = 3, None = 0, PrivateAndAnonymous = 0x22;

    private readonly byte* _mapping;
    private readonly nuint _bytes;

    public MemoryEdge(long count)
    {
        nuint page = (nuint)Environment.SystemPageSize, used = ((nuint)count * sizeof(float) + page - 1) / page * page;
        _bytes = used + page;
        _mapping = Map(null, _bytes, ReadAndWrite, PrivateAndAnonymous, -1, 0);
        if ((nint)_mapping == -1 || Protect(_mapping + used, page, None) != 0)
            throw new InvalidOperationException($"The system refused {_bytes} bytes with a guard page: error {Marshal.GetLastSystemError()}.");
        Data = (float*)(_mapping + used) - count;
        new Span<float>(Data, (int)count).Fill(1);
    }

    public float* Data { get; }

    public void Dispose() => Unmap(_mapping, _bytes);

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static extern byte* Map(byte* address, nuint length, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static extern int Protect(byte* address, nuint length, int protection);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int Unmap(byte* address, nuint length);
}
