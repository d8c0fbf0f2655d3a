using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Sweeps;

/// <summary>
/// The dimensions of a sweep as coordinates from 0 to 1, seeds left out. A range is one coordinate, of its logarithm where that is drawn evenly; a list of
/// numbers of one option is one coordinate, the place in their order; any other list is one-hot, two different choices lying 1 apart.
/// </summary>
internal sealed class SweepSpace
{
    private static readonly double s_hot = Math.Sqrt(0.5);

    private readonly IReadOnlyList<SweepDimension> _dimensions;
    private readonly Func<SweepValue, IEnumerable<double>>[] _encoders;

    public SweepSpace(IReadOnlyList<SweepDimension> dimensions)
    {
        _dimensions = dimensions;
        _encoders = [.. dimensions.Select(Encoder)];
        int[] varying = [.. Enumerable.Range(0, dimensions.Count).Where(i => !dimensions[i].IsOfSeeds)];
        DimensionOf = [.. varying.SelectMany((dimension, place) => Enumerable.Repeat(place, Coordinates(dimensions[dimension])))];
    }

    /// <summary>The dimension of every coordinate, counted from 0 without those of seeds.</summary>
    public IReadOnlyList<int> DimensionOf { get; }

    /// <summary>The coordinates of a draw.</summary>
    public double[] Encode(IReadOnlyList<SweepValue>[] draw) =>
        [.. _dimensions.Select((dimension, i) => (dimension, i)).Where(one => !one.dimension.IsOfSeeds).SelectMany(one => _encoders[one.i](draw[one.i][0]))];

    /// <summary>Where a value lies in its range, from 0 to 1.</summary>
    public static double Share(SweepRange range, SweepValue value)
    {
        double number = value.Changes[range.Option].GetDouble();
        double share = range.Logarithmic
            ? (Math.Log(number) - Math.Log(range.Minimum)) / (Math.Log(range.Maximum) - Math.Log(range.Minimum))
            : (number - range.Minimum) / (range.Maximum - range.Minimum);
        return Math.Clamp(share, 0, 1);
    }

    private static Func<SweepValue, IEnumerable<double>> Encoder(SweepDimension dimension)
    {
        if (dimension.Range is SweepRange range)
            return value => [Share(range, value)];
        int count = dimension.Values.Count;
        if (IsOrdered(dimension))
        {
            string[] order = [.. dimension.Values.OrderBy(value => value.Changes.Values.First().GetDouble()).Select(value => value.Label)];
            return value => [Array.IndexOf(order, value.Label) / Math.Max(1.0, count - 1)];
        }
        string[] labels = [.. dimension.Values.Select(value => value.Label)];
        return value => labels.Select(label => label == value.Label ? s_hot : 0);
    }

    private static int Coordinates(SweepDimension dimension) => dimension.Range is not null || IsOrdered(dimension) ? 1 : dimension.Values.Count;

    private static bool IsOrdered(SweepDimension dimension) => dimension.Options.ToArray() is [string option]
        && LossCatalogue.RunSchema.Find(option) is { Kind: OptionKind.Number or OptionKind.Integer }
        && dimension.Values.All(value => value.Changes[option].ValueKind == JsonValueKind.Number);
}
