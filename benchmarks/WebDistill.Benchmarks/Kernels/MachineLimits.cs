using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp.Kernels;

namespace WebDistill.Benchmarks.Kernels;

/// <summary>What the processor can do at most, measured: fused multiply-adds per second and bytes read per second.</summary>
internal static unsafe class MachineLimits
{
    private const int FmaRounds = 4_000_000;
    private const long BufferBytes = 512L << 20;
    private const long BytesPerTask = 4L << 20;
    private const int Repetitions = 5;

    /// <summary>Floating-point operations per second with no memory traffic: the best of five, all threads at once.</summary>
    public static double PeakFlopsPerSecond(int threads)
    {
        // 12 independent sums, 24 multiply-adds a round, hide the latency of two multiply-add units.
        double perCall = 2.0 * FmaRounds * 24 * Lanes * threads;
        return perCall / BestSeconds(() => OnAll(threads, () => Simd.Active switch
        {
            InstructionSet.Avx512 => Multiply<Simd512, Vector512<float>>(),
            InstructionSet.Avx2 => Multiply<Simd256, Vector256<float>>(),
            _ => Multiply<Simd128, Vector128<float>>(),
        }));
    }

    /// <summary>Bytes read per second from a buffer far larger than the caches: the best of five, all threads at once.</summary>
    public static double ReadBytesPerSecond(int threads)
    {
        float* buffer = BufferPool.RentFloats(BufferBytes / sizeof(float), zero: true);
        long tasks = BufferBytes / BytesPerTask;
        try
        {
            return BufferBytes / BestSeconds(() =>
            {
                long next = -1;
                OnAll(threads, () =>
                {
                    float sum = 0;
                    for (long task = Interlocked.Increment(ref next); task < tasks; task = Interlocked.Increment(ref next))
                    {
                        float* start = buffer + task * (BytesPerTask / sizeof(float));
                        sum += Simd.Active switch
                        {
                            InstructionSet.Avx512 => Sum<Simd512, Vector512<float>>(start),
                            InstructionSet.Avx2 => Sum<Simd256, Vector256<float>>(start),
                            _ => Sum<Simd128, Vector128<float>>(start),
                        };
                    }
                    return sum;
                });
            });
        }
        finally
        {
            BufferPool.Return(buffer);
            BufferPool.Trim();
        }
    }

    /// <summary>The shortest of five calls, seconds, after one that is not counted.</summary>
    private static double BestSeconds(Action action)
    {
        action();
        double best = double.PositiveInfinity;
        for (int i = 0; i < Repetitions; i++)
            best = Math.Min(best, Timing.Seconds(action));
        return best;
    }

    private static int Lanes => Simd.Active switch { InstructionSet.Avx512 => 16, InstructionSet.Avx2 => 8, _ => 4 };

    private static void OnAll(int threads, Func<float> body)
    {
        Thread[] others = [.. Enumerable.Range(1, threads - 1).Select(_ => new Thread(() => Keep(body())))];
        foreach (Thread thread in others)
            thread.Start();
        Keep(body());
        foreach (Thread thread in others)
            thread.Join();
    }

    /// <summary>Uses a result, so that computing it is not optimised away.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(float value) => GC.KeepAlive(value);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Multiply<S, V>() where S : struct, ISimd<V>
    {
        V x = S.Create(0.999999f), y = S.Create(1e-6f);
        V a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;
        for (int i = 0; i < 2 * FmaRounds; i++)
        {
            a0 = S.MultiplyAdd(a0, x, y);
            a1 = S.MultiplyAdd(a1, x, y);
            a2 = S.MultiplyAdd(a2, x, y);
            a3 = S.MultiplyAdd(a3, x, y);
            a4 = S.MultiplyAdd(a4, x, y);
            a5 = S.MultiplyAdd(a5, x, y);
            a6 = S.MultiplyAdd(a6, x, y);
            a7 = S.MultiplyAdd(a7, x, y);
            a8 = S.MultiplyAdd(a8, x, y);
            a9 = S.MultiplyAdd(a9, x, y);
            a10 = S.MultiplyAdd(a10, x, y);
            a11 = S.MultiplyAdd(a11, x, y);
        }
        V sum = S.Add(S.Add(S.Add(a0, a1), S.Add(a2, a3)), S.Add(S.Add(a4, a5), S.Add(a6, a7)));
        return S.Sum(S.Add(sum, S.Add(S.Add(a8, a9), S.Add(a10, a11))));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum<S, V>(float* start) where S : struct, ISimd<V>
    {
        // Four streams: the processor prefetches for each of them.
        const long Quarter = BytesPerTask / sizeof(float) / 4;
        V a = S.Zero, b = S.Zero, c = S.Zero, d = S.Zero;
        for (float* x = start; x < start + Quarter; x += S.Count)
        {
            a = S.Add(a, S.Load(x));
            b = S.Add(b, S.Load(x + Quarter));
            c = S.Add(c, S.Load(x + 2 * Quarter));
            d = S.Add(d, S.Load(x + 3 * Quarter));
        }
        return S.Sum(S.Add(S.Add(a, b), S.Add(c, d)));
    }
}
