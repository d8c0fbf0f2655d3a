using System.Buffers;

namespace WebDistill.Distillation.Transforms;

/// <summary>Which numbers are the k smallest, in magnitude or by their value: those below a bound, and the first ones that equal it.</summary>
/// <remarks>
/// Two passes that count and none that sorts: a key of 32 bits is in the order that is asked for, so that the upper halves of the keys say
/// in which 65 536th the k-th one is, and the lower halves of those there say which one it is.
/// </remarks>
internal sealed class SmallestNumbers
{
    private const int HalfBits = 16, Halves = 1 << HalfBits;
    private const uint SignBit = 0x8000_0000;

    private readonly Func<float, uint> _key;
    private readonly uint _bound;
    private long _ofEqual;

    private SmallestNumbers(Func<float, uint> key, uint bound, long ofEqual) => (_key, _bound, _ofEqual) = (key, bound, ofEqual);

    /// <summary>The <paramref name="count"/> smallest numbers of all lists together.</summary>
    /// <param name="lists">Read twice, one after the other.</param>
    /// <param name="count">At most as many as there are.</param>
    /// <param name="key">By what they are ordered: <see cref="ByMagnitude"/> or <see cref="ByValue"/>.</param>
    public static SmallestNumbers Of(IReadOnlyList<Func<float[]>> lists, long count, Func<float, uint> key)
    {
        (uint upper, long left) = Find(lists, number => (int)(key(number) >> HalfBits), count);
        (uint lower, left) = Find(lists, number => key(number) is uint bits && bits >> HalfBits == upper ? (int)(bits & (Halves - 1)) : -1, left);
        return new SmallestNumbers(key, upper << HalfBits | lower, left);
    }

    /// <summary>The order of |x|: without their sign, the bits of floats are in it.</summary>
    public static uint ByMagnitude(float number) => BitConverter.SingleToUInt32Bits(number) & ~SignBit;

    /// <summary>The order of x; −0 is 0.</summary>
    public static uint ByValue(float number)
    {
        uint bits = BitConverter.SingleToUInt32Bits(number + 0f);
        return (bits & SignBit) == 0 ? bits | SignBit : ~bits;
    }

    /// <summary>Tells the places of those among the numbers that belong to the smallest; called once for each list, in their order.</summary>
    /// <returns>How many they are.</returns>
    public long Mark(float[] values, Action<int> smallest)
    {
        long marked = 0;
        for (int i = 0; i < values.Length; i++)
        {
            uint key = _key(values[i]);
            if (key > _bound || key == _bound && _ofEqual == 0)
                continue;
            if (key == _bound)
                _ofEqual--;
            smallest(i);
            marked++;
        }
        return marked;
    }

    /// <summary>The bucket in which the count-th number is, and how many of that bucket belong to the smallest.</summary>
    private static (uint Bucket, long OfIt) Find(IReadOnlyList<Func<float[]>> lists, Func<float, int> bucketOf, long count)
    {
        // Lent: half a megabyte for each matrix of each choice would keep the collector at work.
        long[] counts = ArrayPool<long>.Shared.Rent(Halves);
        try
        {
            counts.AsSpan(0, Halves).Clear();
            foreach (Func<float[]> read in lists)
            {
                foreach (float value in read())
                {
                    int bucket = bucketOf(value);
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
        }
        finally
        {
            ArrayPool<long>.Shared.Return(counts);
        }
        throw new ArgumentOutOfRangeException(nameof(count), $"{count} more numbers are to be the smallest than there are.");
    }
}
