namespace TorchSharp.Kernels;

/// <summary>
/// Inverted dropout: y = x * keep / (1 - p), where keep is 1 with probability 1 - p, decided for element i by <see cref="Philox"/> from (seed,
/// offset, i) alone. Backward is the same function applied to dy: the mask is made again, never stored.
/// </summary>
internal static unsafe class Dropout
{
    private const long Grain = 1 << 14;

    /// <summary>Elements with a word below this value are dropped.</summary>
    public static uint Threshold(float probability) => (uint)Math.Min(uint.MaxValue, Math.Round(probability * 4294967296.0));

    /// <summary>y = dropout(x); y may be x. The stream uses <see cref="Philox.CountersFor"/>(count) counters.</summary>
    /// <exception cref="ArgumentOutOfRangeException">probability is not in [0, 1].</exception>
    public static void Run(long count, float* x, float probability, ulong seed, ulong offset, float* y)
    {
        if (!(probability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "The dropout probability must lie in [0, 1].");
        if (probability == 1)
        {
            for (long i = 0; i < count; i++)
                y[i] = 0;
            return;
        }
        uint threshold = Threshold(probability);
        float scale = 1 / (1 - probability);
        WorkerPool.ForRange(count, Grain, (start, end, _) => RunPlain(start, end, x, threshold, scale, seed, offset, y));
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
}
