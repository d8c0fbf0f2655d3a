using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Live;

/// <summary>
/// Steps as binary columns, a third of their size as JSON and read without parsing. Little-endian: an int32 with the length of the
/// header, the header in UTF-8 padded with spaces, then the columns one after the other, each padded with zeros to a multiple of 8 bytes.
/// The header is <c>{"attempt":A,"rows":N,"series":[...],"once":{"teacherPerplexity":12.5},"columns":[{"name":"step","type":"int32"},
/// {"name":"totalLoss","type":"float32"},...]}</c>: the run's <see cref="StepSeries"/>, the numbers that it has once, and the columns; 4 + its length
/// is a multiple of 8, so that every column can be viewed in place. A step's missing number is NaN, and −∞ stands for one that is not a number,
/// as it does in the database (<see cref="WebDistillDb.StoredNaN"/>).
/// </summary>
public static class StepHistory
{
    /// <summary>
    /// The steps of a run after <paramref name="after"/>, in order: the packed numbers go from the database's bytes into the columns as they are.
    /// </summary>
    /// <param name="run">As it is now, or as it was in an earlier attempt.</param>
    public static async Task<byte[]> ReadAsync(WebDistillDb db, Run run, RunSeries series, int after, CancellationToken cancel)
    {
        List<int> steps = [];
        Column epoch = new("epoch"), tokensSeen = new("tokensSeen", isWide: true), totalLoss = new(LoopSeries.TotalLoss.Name);
        Column[] packed = [.. series.Packed.Select(one => new Column(one.Name, one.IsExact))];
        await foreach (Row row in db.StepRows.Where(row => row.RunId == run.Id && row.Step > after).OrderBy(row => row.Step)
            .Select(row => new Row(row.Step, row.Epoch, row.TokensSeen, row.TotalLoss, row.Values)).AsAsyncEnumerable().WithCancellation(cancel))
        {
            steps.Add(row.Step);
            epoch.Add(row.Epoch);
            tokensSeen.Add(row.TokensSeen);
            totalLoss.Add(double.IsNaN(row.TotalLoss) ? WebDistillDb.StoredNaN : row.TotalLoss);
            for (int i = 0; i < packed.Length; i++)
                packed[i].Add(PackedNumbers.StoredAt(row.Values, i));
        }
        List<Measurement> measured = await db.Measurements.AsNoTracking()
            .Where(one => one.RunId == run.Id && (one.Step == 0 || one.Step > after)).ToListAsync(cancel);
        Column[] sparse = [.. series.Measured.Select(one => new Column(one.Name, one.IsExact, rows: steps.Count))];
        ILookup<string, Measurement> byName = measured.ToLookup(one => one.Name);
        foreach (Column column in sparse)
        {
            foreach (Measurement one in byName[column.Name])
            {
                // Of an update recorded since the rows were read there is none.
                if (steps.BinarySearch(one.Step) is >= 0 and int at)
                    column.Set(at, double.IsNaN(one.Value) ? WebDistillDb.StoredNaN : one.Value);
            }
        }
        return Encode(run.Attempt, series, measured.Where(one => one.Step == 0), steps, [epoch, tokensSeen, totalLoss, .. packed, .. sparse]);
    }

    private static byte[] Encode(int attempt, RunSeries series, IEnumerable<Measurement> once, List<int> steps, Column[] columns)
    {
        int count = steps.Count;
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            attempt,
            rows = count,
            series = series.All,
            once = once.ToDictionary(one => one.Name, one => one.Value),
            columns = columns.Select(column => new { name = column.Name, type = column.IsWide ? "float64" : "float32" })
                .Prepend(new { name = "step", type = "int32" }),
        }, WebJson.Measured);
        int start = Padded(4 + header.Length);
        byte[] encoded = new byte[start + Padded(4 * count) + columns.Sum(column => Padded(column.Bytes))];
        BinaryPrimitives.WriteInt32LittleEndian(encoded, start - 4);
        encoded.AsSpan(4, start - 4).Fill((byte)' ');
        header.CopyTo(encoded, 4);

        Span<byte> rest = encoded.AsSpan(start);
        ReadOnlySpan<int> numbers = CollectionsMarshal.AsSpan(steps);
        for (int row = 0; row < count; row++)
            BinaryPrimitives.WriteInt32LittleEndian(rest[(4 * row)..], numbers[row]);
        rest = rest[Padded(4 * count)..];
        foreach (Column column in columns)
        {
            column.Write(rest);
            rest = rest[Padded(column.Bytes)..];
        }
        return encoded;
    }

    private static int Padded(int bytes) => (bytes + 7) & ~7;

    // Not the entity: of the hundred thousand rows of a long run an object each would be garbage that is collected while another run trains.
    private readonly record struct Row(int Step, double Epoch, long TokensSeen, double TotalLoss, byte[] Values);

    private sealed class Column(string name, bool isWide = false, int rows = 0)
    {
        private readonly List<double> _numbers = [.. Enumerable.Repeat(double.NaN, rows)];

        public string Name => name;

        public bool IsWide { get; private set; } = isWide;

        public int Bytes => (IsWide ? 8 : 4) * _numbers.Count;

        public void Add(double number)
        {
            _numbers.Add(number);
            Widen(number);
        }

        public void Set(int row, double number)
        {
            _numbers[row] = number;
            Widen(number);
        }

        public void Write(Span<byte> target)
        {
            for (int row = 0; row < _numbers.Count; row++)
            {
                if (IsWide)
                    BinaryPrimitives.WriteDoubleLittleEndian(target[(8 * row)..], _numbers[row]);
                else
                    BinaryPrimitives.WriteSingleLittleEndian(target[(4 * row)..], (float)_numbers[row]);
            }
        }

        // As float32 it would become infinite, which says something else.
        private void Widen(double number) => IsWide |= double.IsFinite(number) && !float.IsFinite((float)number);
    }
}
