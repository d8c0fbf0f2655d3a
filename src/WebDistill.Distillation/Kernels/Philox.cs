using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011): four
/// random words are a function of a 64-bit key (the seed) and a 128-bit counter, so that any part of a stream can be made again, in any
/// order, on any thread. Element i of a stream that starts at <c>offset</c> is word i mod 4 of counter (offset + i / 4).
/// </summary>
internal static unsafe class Philox
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

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

    /// <summary>The words of <paramref name="counters"/> counters in a row, four of each.</summary>
    public static void Words(ulong seed, ulong counter, long counters, uint* words)
    {
        long done = Simd.Active switch
        {
            InstructionSet.Avx512 => Words512(seed, counter, counters, words),
            InstructionSet.Avx2 => Words256(seed, counter, counters, words),
            _ => 0,
        };
        for (; done < counters; done++)
            (words[4 * done], words[4 * done + 1], words[4 * done + 2], words[4 * done + 3]) = Block(seed, counter + (ulong)done);
    }

    /// <summary>
    /// Eight counters at a time, each word in the lower half of a 64-bit lane, as the widening multiplication wants it; it ignores the
    /// upper halves, so they may hold anything. Returns the counters done.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Words512(ulong seed, ulong counter, long counters, uint* words)
    {
        Vector512<ulong> lower = Vector512.Create((ulong)uint.MaxValue), lanes = Vector512.Create(0UL, 1, 2, 3, 4, 5, 6, 7);
        Vector512<uint> multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32(),
            multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        long done = 0;
        for (; done + 8 <= counters; done += 8, words += 32)
        {
            Vector512<ulong> c0 = Vector512.Create(counter + (ulong)done) + lanes, c1 = c0 >>> 32, c2 = Vector512<ulong>.Zero, c3 = c2;
            uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (int round = 0; round < Rounds; round++, k0 += Weyl0, k1 += Weyl1)
            {
                Vector512<ulong> product0 = Avx512F.Multiply(c0.AsUInt32(), multiplier0),
                    product1 = Avx512F.Multiply(c2.AsUInt32(), multiplier1);
                c0 = product1 >>> 32 ^ c1 ^ Vector512.Create((ulong)k0);
                c1 = product1;
                c2 = product0 >>> 32 ^ c3 ^ Vector512.Create((ulong)k1);
                c3 = product0;
            }
            Vector512<ulong> left = c0 & lower | c1 << 32, right = c2 & lower | c3 << 32;
            Avx512F.PermuteVar8x64x2(left, Vector512.Create(0UL, 8, 1, 9, 2, 10, 3, 11), right).AsUInt32().Store(words);
            Avx512F.PermuteVar8x64x2(left, Vector512.Create(4UL, 12, 5, 13, 6, 14, 7, 15), right).AsUInt32().Store(words + 16);
        }
        return done;
    }

    /// <summary>Four counters at a time; see <see cref="Words512"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Words256(ulong seed, ulong counter, long counters, uint* words)
    {
        Vector256<ulong> lower = Vector256.Create((ulong)uint.MaxValue), lanes = Vector256.Create(0UL, 1, 2, 3);
        Vector256<uint> multiplier0 = Vector256.Create((ulong)Multiplier0).AsUInt32(),
            multiplier1 = Vector256.Create((ulong)Multiplier1).AsUInt32();
        long done = 0;
        for (; done + 4 <= counters; done += 4, words += 16)
        {
            Vector256<ulong> c0 = Vector256.Create(counter + (ulong)done) + lanes, c1 = c0 >>> 32, c2 = Vector256<ulong>.Zero, c3 = c2;
            uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (int round = 0; round < Rounds; round++, k0 += Weyl0, k1 += Weyl1)
            {
                Vector256<ulong> product0 = Avx2.Multiply(c0.AsUInt32(), multiplier0), product1 = Avx2.Multiply(c2.AsUInt32(), multiplier1);
                c0 = product1 >>> 32 ^ c1 ^ Vector256.Create((ulong)k0);
                c1 = product1;
                c2 = product0 >>> 32 ^ c3 ^ Vector256.Create((ulong)k1);
                c3 = product0;
            }
            Vector256<ulong> left = c0 & lower | c1 << 32, right = c2 & lower | c3 << 32;
            Vector256<ulong> even = Avx2.UnpackLow(left, right), odd = Avx2.UnpackHigh(left, right);
            Avx2.Permute2x128(even, odd, 0x20).AsUInt32().Store(words);
            Avx2.Permute2x128(even, odd, 0x31).AsUInt32().Store(words + 8);
        }
        return done;
    }
}
