using System.Globalization;

namespace WebDistill.Distillation.Files;

/// <summary>SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the same numbers on every platform,
/// its state a short text, and independent generators split off it.</summary>
public sealed class SplittableRandom
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    private ulong _seed;
    private ulong _gamma;

    public SplittableRandom(long seed)
        : this(unchecked((ulong)seed), GoldenGamma)
    {
    }

    private SplittableRandom(ulong seed, ulong gamma)
    {
        _seed = seed;
        _gamma = gamma;
    }

    /// <summary>The whole state, 32 hexadecimal digits.</summary>
    /// <exception cref="FormatException">A state that was not read from here.</exception>
    public string State
    {
        get => $"{_seed:x16}{_gamma:x16}";
        set
        {
            if (value is not { Length: 32 }
                || !ulong.TryParse(value.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong seed)
                || !ulong.TryParse(value.AsSpan(16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong gamma)
                || (gamma & 1) == 0)
                throw new FormatException($"Random state '{value}'; expected the 32 hexadecimal digits that were saved.");
            (_seed, _gamma) = (seed, gamma);
        }
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64() => Mix(_seed += _gamma);

    /// <summary>A whole number from 0 to <paramref name="bound"/> - 1; its bias is below bound / 2^64.</summary>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (int)Math.BigMul(NextUInt64(), (ulong)bound, out _);
    }

    /// <summary>A generator whose numbers are independent of this one's from now on.</summary>
    public SplittableRandom Split() => new(NextUInt64(), MixGamma(_seed += _gamma));

    /// <summary>Puts values into a random order (Fisher and Yates).</summary>
    public void Shuffle(Span<int> values)
    {
        for (int last = values.Length - 1; last > 0; last--)
        {
            int other = Next(last + 1);
            (values[last], values[other]) = (values[other], values[last]);
        }
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private static ulong MixGamma(ulong value)
    {
        value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD;
        value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53;
        value = (value ^ (value >> 33)) | 1;
        return ulong.PopCount(value ^ (value >> 1)) < 24 ? value ^ 0xAAAAAAAAAAAAAAAA : value;
    }
}
