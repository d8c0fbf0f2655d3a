using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests;

/// <summary>
/// Reads the golden set: tensors, cases and the tolerances that follow from what the reference's own float32 run differs by.
/// </summary>
internal static class GoldenFiles
{
    public static JsonElement Json(params string[] parts)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(GoldenData.Path(parts)));
        return document.RootElement.Clone();
    }

    public static SafetensorsFile Tensors(string file) => SafetensorsFile.Open(GoldenData.Path(file.Split('/')));

    public static float[] Singles(this SafetensorsFile file, string name)
    {
        var values = new float[file.Find(name)!.ElementCount];
        file.ReadSingles(name, values);
        return values;
    }

    public static long[] Int64s(this SafetensorsFile file, string name)
    {
        var values = new long[file.Find(name)!.ElementCount];
        file.ReadInt64s(name, values);
        return values;
    }

    public static Tensor Int64Tensor(this SafetensorsFile file, string name) =>
        tensor(file.Int64s(name), file.Find(name)!.Shape.ToArray(), device: Distillation.Engine.Device.Default);

    public static double[] Doubles(this JsonElement list) => [.. list.EnumerateArray().Select(value => value.GetDouble())];

    public static double[] FlatDoubles(this JsonElement list) => list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().SelectMany(FlatDoubles)]
        : [list.GetDouble()];

    public static int[] Ids(this JsonElement list) => [.. list.EnumerateArray().Select(value => value.GetInt32())];

    /// <summary>Rows of tokens, right-padded.</summary>
    public static TokenBatch Batch(IReadOnlyList<int[]> rows, int padId)
    {
        int columns = rows.Max(row => row.Length);
        var ids = new long[rows.Count * columns];
        Array.Fill(ids, padId);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int column = 0; column < rows[row].Length; column++)
                ids[row * columns + column] = rows[row][column];
        }
        return new TokenBatch(ids, [.. rows.Select(row => row.Length)], rows.Count, columns);
    }

    /// <summary>
    /// Fails unless every element lies within <paramref name="tolerance"/> of what was expected; the message names the worst.
    /// </summary>
    public static void AssertClose(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what, Func<int, bool>? where = null)
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = 0;
        int at = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            if ((where is null || where(i)) && !(difference <= worst))
                (worst, at) = (difference, i);
        }
        Assert.True(worst <= tolerance, expected.Length == 0 ? what
            : $"{what}: element {at} is {actual[at]}, expected {expected[at]} within {tolerance:E1}, off by {worst:E2}.");
    }

    /// <summary>Fails unless |actual − expected| &lt;= relative·|expected| + absolute.</summary>
    public static void AssertNear(double expected, double actual, double relative, double absolute, string what) =>
        Assert.True(Math.Abs(actual - expected) <= relative * Math.Abs(expected) + absolute,
            $"{what} is {actual:R}, expected {expected:R}, off by {actual - expected:E2}.");
}
