using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011): four random words
/// are a function of a 64-bit key (the seed) and a 128-bit counter, so that any part of a stream can be made again, in any order, on any thread.
/// Element i of a stream that starts at <c>offset</c> is word i mod 4 of counter (offset + i / 4).
/// </summary>
internal static unsafe class Philox
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const long Grain = 1 << 14;

    /// <summary>Counters that a stream of <paramref name="count"/> elements uses: what to add to the offset afterwards.</summary>
    public static ulong CountersFor(long count) => (ulong)((count + 3) / 4);

    /// <summary>The four words of one counter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint, uint, uint, uint) Block(ulong seed, ulong counterLow, ulong counterHigh = 0)
    {
        uint c0 = (uint)counterLow, c1 = (uint)(counterLow >> 32), c2 = (uint)counterHigh, c3 = (uint)(counterHigh >> 32);
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>The top 24 bits as a float in [0, 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToUniform(uint word) => (word >> 8) * (1f / (1 << 24));

    /// <summary>y[i] uniform in [low, high).</summary>
    public static void FillUniform(long count, float* y, float low, float high, ulong seed, ulong offset) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            uint* words = stackalloc uint[4];
            for (long i = start; i < end; i += 4)
            {
                (words[0], words[1], words[2], words[3]) = Block(seed, offset + (ulong)(i / 4));
                for (long j = i; j < Math.Min(i + 4, end); j++)
                    y[j] = Math.Min(low + (high - low) * ToUniform(words[j - i]), MathF.BitDecrement(Math.Max(high, low)));
            }
        });

    /// <summary>y[i] normal with the given mean and standard deviation (Box and Muller), two values from each pair of words.</summary>
    public static void FillNormal(long count, float* y, float mean, float standardDeviation, ulong seed, ulong offset) =>
        WorkerPool.ForRange(count, Grain, (start, end, _) =>
        {
            double* values = stackalloc double[4];
            for (long i = start; i < end; i += 4)
            {
                (uint w0, uint w1, uint w2, uint w3) = Block(seed, offset + (ulong)(i / 4));
                (values[0], values[1]) = BoxMuller(w0, w1);
                (values[2], values[3]) = BoxMuller(w2, w3);
                for (long j = i; j < Math.Min(i + 4, end); j++)
                    y[j] = (float)(mean + standardDeviation * values[j - i]);
            }
        });

    private static (double, double) BoxMuller(uint word0, uint word1)
    {
        // (word + 1/2) / 2^32 lies strictly between 0 and 1: the logarithm is finite.
        double radius = Math.Sqrt(-2 * Math.Log((word0 + 0.5) / 4294967296.0));
        (double sine, double cosine) = Math.SinCos(2 * Math.PI * word1 / 4294967296.0);
        return (radius * cosine, radius * sine);
    }
}
