using System.Buffers.Binary;

namespace WebDistill.Data;

/// <summary>
/// Numbers in a column of bytes: 64-bit floats, little-endian, one after the other. NaN says that there is no number, and −∞ stands for one that is
/// not a number, as in every other column (<see cref="WebDistillDb.StoredNaN"/>). A row that is shorter than the list of series lacks the last ones.
/// </summary>
public static class PackedNumbers
{
    /// <summary>The SQL function that packs its arguments: <c>pack_numbers(0.5, NULL, 3)</c>. Known on every connection of the product.</summary>
    public const string SqlFunction = "pack_numbers";

    /// <summary>Packs numbers; null stands for a missing one.</summary>
    public static byte[] Pack(params ReadOnlySpan<double?> numbers)
    {
        byte[] packed = new byte[sizeof(double) * numbers.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            double stored = numbers[i] is not double number ? double.NaN : double.IsNaN(number) ? WebDistillDb.StoredNaN : number;
            BinaryPrimitives.WriteDoubleLittleEndian(packed.AsSpan(sizeof(double) * i), stored);
        }
        return packed;
    }

    /// <summary>The number at a place; null where it is missing.</summary>
    public static double? At(ReadOnlySpan<byte> packed, int place) => StoredAt(packed, place) switch
    {
        double.NaN => null,
        WebDistillDb.StoredNaN => double.NaN,
        double number => number,
    };

    /// <summary>The same as it is stored: NaN where it is missing, −∞ for one that is not a number.</summary>
    public static double StoredAt(ReadOnlySpan<byte> packed, int place) => sizeof(double) * (place + 1) <= packed.Length
        ? BinaryPrimitives.ReadDoubleLittleEndian(packed[(sizeof(double) * place)..])
        : double.NaN;

    internal static byte[] PackColumns(object?[] columns) => Pack([.. columns.Select(column => column switch
    {
        null or DBNull => null,
        double number => number,
        long number => (double?)number,
        _ => throw new ArgumentException($"{SqlFunction} was given {column.GetType().Name} '{column}', expected numbers and NULL."),
    })]);
}
