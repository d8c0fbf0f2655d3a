namespace WebDistill.Distillation.Transforms;

/// <summary>Which numbers are the k smallest in magnitude: those below a magnitude, and the first ones of it.</summary>
/// <remarks>
/// Two passes that count and none that sorts: without their sign, the bits of floats are in the order of their magnitudes, so the upper halves of the bits say
/// in which 65 536th the k-th one is, and the lower halves of those there say which one it is.
/// </remarks>
internal sealed class MagnitudeThreshold
{
    private const int HalfBits = 16, Halves = 1 << HalfBits;

    private readonly uint _bits;
    private long _ofEqual;

    private MagnitudeThreshold(uint bits, long ofEqual) => (_bits, _ofEqual) = (bits, ofEqual);

    /// <summary>That of the <paramref name="count"/> smallest numbers of all lists together.</summary>
    /// <param name="lists">Read twice, one after the other.</param>
    /// <param name="count">At most as many as there are.</param>
    public static MagnitudeThreshold Smallest(IReadOnlyList<Func<float[]>> lists, long count)
    {
        (uint upper, long left) = Find(lists, bits => (int)(bits >> HalfBits), count);
        (uint lower, left) = Find(lists, bits => bits >> HalfBits == upper ? (int)(bits & (Halves - 1)) : -1, left);
        return new MagnitudeThreshold(upper << HalfBits | lower, left);
    }

    /// <summary>Sets those among the numbers to 0 that belong to the smallest; called once for each list, in their order.</summary>
    /// <returns>How many they are.</returns>
    public long Clear(float[] values)
    {
        long cleared = 0;
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = Magnitude(values[i]);
            if (bits > _bits || bits == _bits && _ofEqual == 0)
                continue;
            if (bits == _bits)
                _ofEqual--;
            values[i] = 0;
            cleared++;
        }
        return cleared;
    }

    /// <summary>The bucket in which the count-th number is, and how many of that bucket belong to the smallest.</summary>
    private static (uint Bucket, long OfIt) Find(IReadOnlyList<Func<float[]>> lists, Func<uint, int> bucketOf, long count)
    {
        var counts = new long[Halves];
        foreach (Func<float[]> read in lists)
        {
            foreach (float value in read())
            {
                int bucket = bucketOf(Magnitude(value));
                if (bucket >= 0)
                    counts[bucket]++;
            }
        }
        for (uint bucket = 0; bucket < Halves; bucket++)
        {
            if (count <= counts[bucket])
                return (bucket, count);
            count -= counts[bucket];
        }
        throw new ArgumentOutOfRangeException(nameof(count), $"{count} more numbers are to be the smallest than there are.");
    }

    private static uint Magnitude(float value) => BitConverter.SingleToUInt32Bits(value) & 0x7FFF_FFFF;
}
