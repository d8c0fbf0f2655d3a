using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Transforms;

/// <summary>Integers that weights are rounded to, and their scales.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IntegerFormat>))]
public enum IntegerFormat
{
    /// <summary>8 bits, a 32-bit scale per row, −127 to 127, halves to even.</summary>
    Int8PerRow,

    /// <summary>8 bits, a 16-bit scale per 32 weights, −127 to 127, halves away from 0.</summary>
    Q8_0,

    /// <summary>4 bits, a 16-bit scale per 32 weights, of which the one of largest magnitude is −8.</summary>
    Q4_0,

    /// <summary>4 bits, a 16-bit scale and a 16-bit least value per 32 weights.</summary>
    Q4_1,
}

/// <summary>Integers of one row or group.</summary>
/// <param name="Codes">q, one of each weight.</param>
/// <param name="Scale">s, before it is stored.</param>
/// <param name="Least">m, what is added to s·q; 0 where nothing is.</param>
internal readonly record struct IntegerCodes(int[] Codes, float Scale, float Least = 0);

/// <summary>Weights rounded to integers and back.</summary>
/// <remarks>The groups are those of GGUF's Q8_0, Q4_0 and Q4_1 (ggml's reference code): integers are found with the scale in 32 bits, and stand for its product with the scale in 16.</remarks>
internal static class IntegerRounding
{
    private const int GroupSize = 32, Most8 = 127, Most4 = 15, Middle4 = 8;

    // A row that stands on its grid up to what 32 bits can tell: rounding it would move the grid by a bit, and it a second time.
    private const double OnGrid = 1e-4;

    /// <summary>Weights of a group; null of a format with a scale per row.</summary>
    public static int? GroupOf(IntegerFormat format) => format == IntegerFormat.Int8PerRow ? null : GroupSize;

    /// <summary>Bytes of a matrix in that format, scales included.</summary>
    public static long Bytes(IntegerFormat format, long rows, long columns) => format switch
    {
        IntegerFormat.Int8PerRow => rows * (columns + sizeof(float)),
        IntegerFormat.Q8_0 => rows * columns / GroupSize * 34,
        IntegerFormat.Q4_0 => rows * columns / GroupSize * 18,
        _ => rows * columns / GroupSize * 20,
    };

    /// <summary>Rounds every row in place.</summary>
    /// <param name="values">Rows, one after the other.</param>
    /// <param name="columns">Of a row; a multiple of the group's size.</param>
    /// <exception cref="ArgumentException">A scale is too large for its 16 bits.</exception>
    public static void Run(IntegerFormat format, Span<float> values, int columns)
    {
        int size = GroupOf(format) ?? columns;
        for (int from = 0; from < values.Length; from += size)
        {
            Span<float> group = values.Slice(from, size);
            IntegerCodes codes = Encode(format, group);
            if (format != IntegerFormat.Int8PerRow)
                Decode(codes, (float)(Half)codes.Scale, (float)(Half)codes.Least, group);
            else if (!IsOnGrid(group, codes))
                Decode(codes, codes.Scale, 0, group);
        }
    }

    /// <summary>The integers of a row or group.</summary>
    public static IntegerCodes Encode(IntegerFormat format, ReadOnlySpan<float> values)
    {
        (float least, float most, float ofLargest) = (values[0], values[0], 0);
        foreach (float value in values)
        {
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
            if (Math.Abs(value) > Math.Abs(ofLargest))
                ofLargest = value;
        }
        return format switch
        {
            IntegerFormat.Int8PerRow => ByRow(values, Math.Abs(ofLargest)),
            IntegerFormat.Q8_0 => Codes(values, Math.Abs(ofLargest) / Most8, scaled => (int)MathF.Round(scaled, MidpointRounding.AwayFromZero)),
            IntegerFormat.Q4_0 => Codes(values, ofLargest / -Middle4, scaled => Math.Min(Most4, (int)(scaled + (Middle4 + 0.5f))) - Middle4),
            _ => Codes(values, (most - least) / Most4, scaled => Math.Min(Most4, (int)(scaled + 0.5f)), least),
        };
    }

    /// <summary>What the integers stand for: s·q + m.</summary>
    public static void Decode(IntegerCodes codes, float scale, float least, Span<float> values)
    {
        if (!float.IsFinite(scale) || !float.IsFinite(least))
            throw new ArgumentException($"A group of weights has the scale {codes.Scale} and the least value {codes.Least}, expected at most {Half.MaxValue}, the largest number of 16 bits. Choose {IntegerFormat.Int8PerRow}.");
        for (int i = 0; i < values.Length; i++)
            values[i] = codes.Codes[i] * scale + least;
    }

    private static IntegerCodes Codes(ReadOnlySpan<float> values, float scale, Func<float, int> round, float least = 0)
    {
        float inverse = scale == 0 ? 0 : 1 / scale;
        var codes = new int[values.Length];
        for (int i = 0; i < codes.Length; i++)
            codes[i] = round((values[i] - least) * inverse);
        return new IntegerCodes(codes, scale, least);
    }

    // In 64 bits, so that a half is one.
    private static IntegerCodes ByRow(ReadOnlySpan<float> values, float largest)
    {
        var codes = new int[values.Length];
        for (int i = 0; i < codes.Length; i++)
            codes[i] = largest == 0 ? 0 : (int)Math.Round((double)values[i] * Most8 / largest, MidpointRounding.ToEven);
        return new IntegerCodes(codes, largest / Most8);
    }

    private static bool IsOnGrid(ReadOnlySpan<float> values, IntegerCodes codes)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (Math.Abs(values[i] - (double)codes.Codes[i] * codes.Scale) > OnGrid * codes.Scale)
                return false;
        }
        return true;
    }
}
