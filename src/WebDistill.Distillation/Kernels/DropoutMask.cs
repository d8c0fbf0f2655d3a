using System.Numerics;
using System.Runtime.CompilerServices;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Inverted dropout: y = x * keep / (1 - p), where keep is 1 with probability 1 - p, decided for element i by <see cref="Philox"/> from
/// (seed, offset, i) alone. Backward is the same function applied to dy: the mask is made again, never stored.
/// </summary>
internal static unsafe class DropoutMask
{
    private const long Grain = 1 << 14;
    private const int WordsTogether = 1024;

    /// <summary>Elements with a word below this value are dropped.</summary>
    public static uint Threshold(float probability) => (uint)Math.Min(uint.MaxValue, Math.Round(probability * 4294967296.0));

    /// <summary>y = dropout(x); y may be x. The stream uses <see cref="Philox.CountersFor"/>(count) counters.</summary>
    /// <exception cref="ArgumentOutOfRangeException">probability is not in [0, 1].</exception>
    public static void Run(long count, float* x, float probability, ulong seed, ulong offset, float* y)
    {
        if (!(probability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "The dropout probability must lie in [0, 1].");
        uint threshold = Threshold(probability);
        float scale = 1 / (1 - probability);
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            if (probability == 1)
                new Span<float>(y + start, (int)(end - start)).Clear();
            else if (Simd.Active == InstructionSet.Plain)
                RunPlain(start, end, x, threshold, scale, seed, offset, y);
            else
                RunFast(start, end, x, threshold, scale, seed, offset, y);
        });
    }

    private static void RunPlain(long start, long end, float* x, uint threshold, float scale, ulong seed, ulong offset, float* y)
    {
        uint* words = stackalloc uint[4];
        for (long i = start; i < end; i += 4)
        {
            (words[0], words[1], words[2], words[3]) = Philox.Block(seed, offset + (ulong)(i / 4));
            for (long j = i; j < Math.Min(i + 4, end); j++)
                y[j] = words[j - i] < threshold ? 0 : x[j] * scale;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void RunFast(long start, long end, float* x, uint threshold, float scale, ulong seed, ulong offset, float* y)
    {
        uint* words = stackalloc uint[WordsTogether];
        var limit = new Vector<uint>(threshold);
        for (long first = start; first < end; first += WordsTogether)
        {
            long count = Math.Min(WordsTogether, end - first), i = 0;
            Philox.Words(seed, offset + (ulong)(first / 4), (long)Philox.CountersFor(count), words);
            for (; i + Vector<uint>.Count <= count; i += Vector<uint>.Count)
            {
                Vector<float> dropped = Vector.As<uint, float>(Vector.LessThan(Vector.Load(words + i), limit));
                Vector.Store(Vector.ConditionalSelect(dropped, Vector<float>.Zero, Vector.Load(x + first + i) * scale), y + first + i);
            }
            for (; i < count; i++)
                y[first + i] = words[i] < threshold ? 0 : x[first + i] * scale;
        }
    }
}
