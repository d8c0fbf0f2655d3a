using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Unmanaged memory for tensors and scratch space: 64-byte aligned blocks in size classes, kept and handed out again (last returned, first
/// reused), so that a training step that repeats takes no memory from the operating system after its first pass. Thread-safe.
/// </summary>
internal static unsafe class BufferPool
{
    /// <summary>Alignment of every block in bytes: one cache line, one AVX-512 vector.</summary>
    public const int AlignmentBytes = 64;

    private const int HeaderBytes = 64;
    private const int ClassesPerOctave = 8;
    private const int SmallestClassBytes = 256;
    private const int LargestClassDistance = 2;
    private const long SmallestTrimBytes = 64L << 20;
    private const long HugePageBytes = 2L << 20;
    private const ulong LiveMark = 0x4C495645424C4F43;
    private const ulong FreeMark = 0x46524545424C4F43;

    private static readonly object Gate = new();
    private static readonly Dictionary<int, Stack<nint>> FreeBlocks = [];

    /// <summary>Bytes of the blocks now rented (rounded up to their size classes).</summary>
    public static long BytesInUse { get; private set; }

    /// <summary>The largest <see cref="BytesInUse"/> since the process started or <see cref="ResetPeak"/> was called.</summary>
    public static long PeakBytes { get; private set; }

    /// <summary>Bytes held from the operating system: rented and waiting for reuse.</summary>
    public static long BytesReserved { get; private set; }

    /// <summary>Blocks rented and not yet returned.</summary>
    public static int LiveBlocks { get; private set; }

    /// <summary>Rents <paramref name="count"/> floats; see <see cref="Rent"/>.</summary>
    public static float* RentFloats(long count, bool zero = false) => (float*)Rent(checked(count * sizeof(float)), zero);

    /// <summary>
    /// Rents a block of at least <paramref name="bytes"/> bytes; its content is undefined unless <paramref name="zero"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">bytes is negative.</exception>
    /// <exception cref="OutOfMemoryException">The operating system has no such block, even after <see cref="Trim"/>.</exception>
    public static void* Rent(long bytes, bool zero = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        int sizeClass = SizeClass(bytes);
        byte* block;
        lock (Gate)
        {
            block = TakeFree(sizeClass);
            if (block == null)
                block = Allocate(sizeClass);
            var header = (BlockHeader*)(block - HeaderBytes);
            header->Mark = LiveMark;
            LiveBlocks++;
            BytesInUse += ClassBytes(header->SizeClass);
            PeakBytes = Math.Max(PeakBytes, BytesInUse);
        }
        if (zero)
            NativeMemory.Clear(block, (nuint)bytes);
        return block;
    }

    /// <summary>Gives a block back; null is allowed and does nothing.</summary>
    /// <exception cref="InvalidOperationException">The block was returned before, or does not come from this pool.</exception>
    public static void Return(void* block)
    {
        if (block == null)
            return;
        var header = (BlockHeader*)((byte*)block - HeaderBytes);
        lock (Gate)
        {
            if (header->Mark != LiveMark)
                throw new InvalidOperationException(header->Mark == FreeMark
                    ? $"The block 0x{(nint)block:x} was returned to the buffer pool twice."
                    : $"The block 0x{(nint)block:x} was not rented from the buffer pool.");
            header->Mark = FreeMark;
            LiveBlocks--;
            BytesInUse -= ClassBytes(header->SizeClass);
            if (!FreeBlocks.TryGetValue(header->SizeClass, out Stack<nint>? free))
                FreeBlocks.Add(header->SizeClass, free = new Stack<nint>());
            free.Push((nint)block);
        }
    }

    /// <summary>Bytes that the rented block can hold.</summary>
    public static long Capacity(void* block) => ClassBytes(((BlockHeader*)((byte*)block - HeaderBytes))->SizeClass);

    /// <summary>Gives every block that waits for reuse back to the operating system.</summary>
    public static void Trim()
    {
        lock (Gate)
        {
            foreach ((int sizeClass, Stack<nint> free) in FreeBlocks)
                while (free.Count > 0)
                {
                    NativeMemory.AlignedFree((byte*)free.Pop() - HeaderBytes);
                    BytesReserved -= ClassBytes(sizeClass);
                }
        }
    }

    /// <summary>Starts a new measurement of <see cref="PeakBytes"/>.</summary>
    public static void ResetPeak()
    {
        lock (Gate)
            PeakBytes = BytesInUse;
    }

    /// <summary>A free block of the class, or of the next ones up to a quarter larger; null if there is none.</summary>
    private static byte* TakeFree(int sizeClass)
    {
        for (int candidate = sizeClass; candidate <= sizeClass + LargestClassDistance; candidate++)
            if (FreeBlocks.TryGetValue(candidate, out Stack<nint>? free) && free.Count > 0)
                return (byte*)free.Pop();
        return null;
    }

    private static byte* Allocate(int sizeClass)
    {
        long capacity = ClassBytes(sizeClass);
        // Work whose sizes keep changing would fill ever more classes: what waits for reuse is bounded by half of the most that was ever in
        // use.
        if (BytesReserved + capacity > PeakBytes + PeakBytes / 2 + SmallestTrimBytes)
            Trim();
        bool huge = capacity >= HugePageBytes;
        nuint total = (nuint)(capacity + HeaderBytes);
        nuint alignment = (nuint)(huge ? HugePageBytes : AlignmentBytes);
        void* memory;
        try
        {
            memory = NativeMemory.AlignedAlloc(total, alignment);
        }
        catch (OutOfMemoryException)
        {
            Trim();
            memory = NativeMemory.AlignedAlloc(total, alignment);
        }
        // Big blocks are swept from end to end: huge pages spare the translation misses. Only advice, so its result does not matter.
        if (huge && OperatingSystem.IsLinux())
            _ = Advise(memory, total, AdviseHugePage);
        BytesReserved += capacity;
        byte* block = (byte*)memory + HeaderBytes;
        ((BlockHeader*)memory)->SizeClass = sizeClass;
        return block;
    }

    /// <summary>Class c holds (8 + c mod 8) / 8 * 2^(c / 8) * 256 bytes: at most one eighth of a block is unused.</summary>
    private static int SizeClass(long bytes)
    {
        if (bytes <= SmallestClassBytes)
            return 0;
        int octave = BitOperations.Log2((ulong)((bytes - 1) / SmallestClassBytes));
        long step = ((long)SmallestClassBytes << octave) / ClassesPerOctave;
        long steps = (bytes - ((long)SmallestClassBytes << octave) + step - 1) / step;
        return octave * ClassesPerOctave + (int)steps;
    }

    private static long ClassBytes(int sizeClass)
    {
        int octave = sizeClass / ClassesPerOctave;
        return ((long)SmallestClassBytes << octave) / ClassesPerOctave * (ClassesPerOctave + sizeClass % ClassesPerOctave);
    }

    private struct BlockHeader
    {
        public ulong Mark;
        public int SizeClass;
    }

    private const int AdviseHugePage = 14;

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(void* address, nuint length, int advice);
}
