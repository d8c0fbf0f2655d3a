namespace WebDistill.Distillation.Files;

/// <summary>
/// A small generator whose stream depends on nothing but its seed: the same on every platform, .NET version and tensor engine.
/// </summary>
/// <remarks>SplitMix64 (Steele, Lea and Flood 2014); normal numbers by Box and Muller's transformation.</remarks>
internal sealed class SeededRandom(long seed)
{
    private ulong _state = (ulong)seed;

    /// <summary>64 random bits.</summary>
    public ulong NextBits()
    {
        _state += 0x9E3779B97F4A7C15;
        return Mix(_state);
    }

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Fills with N(0, deviation²).</summary>
    public void FillNormal(Span<float> values, double deviation)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            // 1 - u lies in (0, 1], so that the logarithm is finite.
            double radius = deviation * Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * NextDouble());
            values[i] = (float)(radius * cosine);
            if (i + 1 < values.Length)
                values[i + 1] = (float)(radius * sine);
        }
    }

    /// <summary>A seed that depends on all numbers given, in order.</summary>
    public static long Combine(long seed, long a, long b) =>
        (long)(Mix(Mix(Mix((ulong)seed + 0x9E3779B97F4A7C15) ^ (ulong)a) + 0x9E3779B97F4A7C15 ^ (ulong)b) >> 1);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
