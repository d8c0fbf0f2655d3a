using System.Buffers.Binary;
using System.Data.Common;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Live;

/// <summary>
/// Steps as binary columns, a third of their size as JSON and read without parsing. Little-endian: an int32 with the length of the
/// header, the header in UTF-8 padded with spaces, then the columns one after the other, each padded with zeros to a multiple of 8 bytes.
/// The header is <c>{"attempt":A,"rows":N,"columns":[{"name":"step","type":"int32"},{"name":"totalLoss","type":"float32"},...]}</c>; 4 + its length is
/// a multiple of 8, so that every column can be viewed in place. A step's missing number is NaN, and −∞ stands for one that is not a number,
/// as it does in the database (<see cref="WebDistillDb.StoredNaN"/>).
/// </summary>
public static class StepHistory
{
    /// <summary>
    /// The steps of a run after <paramref name="after"/>, in order. Straight from the database's columns: of the hundred thousand rows of a
    /// long run an object each would cost a quarter more time, and garbage that is collected while another run trains.
    /// </summary>
    /// <param name="attempt">The attempt of the run now, or an earlier one.</param>
    public static async Task<byte[]> ReadAsync(WebDistillDb db, Guid runId, int attempt, int after, CancellationToken cancel)
    {
        List<int> steps = [];
        List<double>[] values = [.. StepColumn.All.Select(_ => new List<double>())];
        await db.Database.OpenConnectionAsync(cancel);
        await using DbCommand command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"""
            SELECT "Step", {string.Join(", ", StepColumn.All.Select(column => $"\"{column.Stored}\""))}
            FROM "StepMetrics" WHERE "RunId" = $run AND "Step" > $after ORDER BY "Step"
            """;
        command.Parameters.Add(new SqliteParameter("$run", runId));
        command.Parameters.Add(new SqliteParameter("$after", after));
        await using DbDataReader rows = await command.ExecuteReaderAsync(cancel);
        while (await rows.ReadAsync(cancel))
        {
            steps.Add(rows.GetInt32(0));
            for (int i = 0; i < values.Length; i++)
                values[i].Add(rows.IsDBNull(i + 1) ? double.NaN : rows.GetDouble(i + 1));
        }
        return Encode(attempt, CollectionsMarshal.AsSpan(steps), values);
    }

    private static byte[] Encode(int attempt, ReadOnlySpan<int> steps, List<double>[] values)
    {
        int count = steps.Length;
        bool[] wide = [.. StepColumn.All.Zip(values, (column, numbers) => column.Type == "float64" || numbers.Any(IsBeyondSingle))];
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            attempt,
            rows = count,
            columns = new[] { new { name = "step", type = "int32" } }.Concat(
                StepColumn.All.Zip(wide, (column, isWide) => new { name = column.Name, type = isWide ? "float64" : "float32" })),
        });
        int start = Padded(4 + header.Length);
        byte[] encoded = new byte[start + Padded(4 * count) + wide.Sum(isWide => Padded(Width(isWide) * count))];
        BinaryPrimitives.WriteInt32LittleEndian(encoded, start - 4);
        encoded.AsSpan(4, start - 4).Fill((byte)' ');
        header.CopyTo(encoded, 4);

        Span<byte> rest = encoded.AsSpan(start);
        for (int row = 0; row < count; row++)
            BinaryPrimitives.WriteInt32LittleEndian(rest[(4 * row)..], steps[row]);
        rest = rest[Padded(4 * count)..];
        foreach ((bool isWide, List<double> numbers) in wide.Zip(values))
        {
            for (int row = 0; row < count; row++)
            {
                if (isWide)
                    BinaryPrimitives.WriteDoubleLittleEndian(rest[(8 * row)..], numbers[row]);
                else
                    BinaryPrimitives.WriteSingleLittleEndian(rest[(4 * row)..], (float)numbers[row]);
            }
            rest = rest[Padded(Width(isWide) * count)..];
        }
        return encoded;
    }

    private static int Width(bool isWide) => isWide ? 8 : 4;

    // As float32 it would become infinite, which says something else.
    private static bool IsBeyondSingle(double number) => double.IsFinite(number) && !float.IsFinite((float)number);

    private static int Padded(int bytes) => (bytes + 7) & ~7;
}
