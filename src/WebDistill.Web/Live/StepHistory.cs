using System.Buffers.Binary;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Live;

/// <summary>
/// Steps as binary columns, a third of their size as JSON and read without parsing. Little-endian: an int32 with the length of the
/// header, the header in UTF-8 padded with spaces, then the columns one after the other, each padded with zeros to a multiple of 8 bytes.
/// The header is <c>{"attempt":A,"rows":N,"columns":[{"name":"step","type":"int32"},{"name":"totalLoss","type":"float32"},...]}</c>; 4 + its length is
/// a multiple of 8, so that every column can be viewed in place. A step's missing number is NaN.
/// </summary>
public static class StepHistory
{
    /// <summary>Encodes steps that are in order.</summary>
    /// <param name="attempt">The attempt of the run when they were read, or an earlier one.</param>
    public static byte[] Encode(int attempt, IReadOnlyList<StepMetric> metrics)
    {
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            attempt,
            rows = metrics.Count,
            columns = new[] { new { name = "step", type = "int32" } }.Concat(
                StepColumn.All.Select(column => new { name = column.Name, type = column.Type })),
        });
        int start = Padded(4 + header.Length);
        byte[] encoded = new byte[start + Padded(4 * metrics.Count) + StepColumn.All.Sum(column => Padded(Width(column) * metrics.Count))];
        BinaryPrimitives.WriteInt32LittleEndian(encoded, start - 4);
        encoded.AsSpan(4, start - 4).Fill((byte)' ');
        header.CopyTo(encoded, 4);

        Span<byte> rest = encoded.AsSpan(start);
        for (int row = 0; row < metrics.Count; row++)
            BinaryPrimitives.WriteInt32LittleEndian(rest[(4 * row)..], metrics[row].Step);
        rest = rest[Padded(4 * metrics.Count)..];
        foreach (StepColumn column in StepColumn.All)
        {
            for (int row = 0; row < metrics.Count; row++)
            {
                double value = column.Value(metrics[row]) ?? double.NaN;
                if (column.Type == "float64")
                    BinaryPrimitives.WriteDoubleLittleEndian(rest[(8 * row)..], value);
                else
                    BinaryPrimitives.WriteSingleLittleEndian(rest[(4 * row)..], (float)value);
            }
            rest = rest[Padded(Width(column) * metrics.Count)..];
        }
        return encoded;
    }

    private static int Width(StepColumn column) => column.Type == "float64" ? 8 : 4;

    private static int Padded(int bytes) => (bytes + 7) & ~7;
}
