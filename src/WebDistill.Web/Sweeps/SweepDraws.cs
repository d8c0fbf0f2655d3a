using System.Globalization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Sweeps;

/// <summary>Draws of values from the dimensions of a sweep: of each dimension one, of a dimension of seeds all of them.</summary>
internal static class SweepDraws
{
    // A drawn value has so many digits, so that its label is the number that is trained with; a range narrower than this share of its
    // bounds needs more.
    private const int DrawnDigits = 4;
    private const double NarrowShare = 0.1;

    /// <summary>Different points; a range of real numbers has as many as anyone wants.</summary>
    public static double Count(IEnumerable<SweepDimension> dimensions) => dimensions.Aggregate(1.0, (product, dimension) =>
        product * (dimension.Range is not SweepRange range ? dimension.Values.Count
            : IsInteger(range) ? Math.Floor(range.Maximum) - Math.Ceiling(range.Minimum) + 1 : double.PositiveInfinity));

    /// <summary>Whether a range is of whole numbers.</summary>
    public static bool IsInteger(SweepRange range) => LossCatalogue.RunSchema.FindOrNull(range.Option) is { Kind: OptionKind.Integer };

    /// <summary>A range's width as a share of its larger bound.</summary>
    public static double Width(SweepRange range) =>
        (range.Maximum - range.Minimum) / Math.Max(Math.Abs(range.Minimum), Math.Abs(range.Maximum));

    /// <summary>One value of every dimension, seeds left as they are.</summary>
    public static IReadOnlyList<SweepValue>[] Draw(IReadOnlyList<SweepDimension> dimensions, SplittableRandom random) =>
        [.. dimensions.Select(dimension => dimension.IsOfSeeds ? dimension.Values : [Draw(dimension, random)])];

    /// <summary>Every draw that there is; no range may be of real numbers.</summary>
    public static IEnumerable<IReadOnlyList<SweepValue>[]> All(IReadOnlyList<SweepDimension> dimensions) => dimensions.Aggregate(
        (IEnumerable<IReadOnlyList<SweepValue>[]>)[[]],
        (made, dimension) => made.SelectMany(begun => (dimension.IsOfSeeds ? [dimension.Values] : Values(dimension).Select(value => (IReadOnlyList<SweepValue>)[value]))
            .Select(values => (IReadOnlyList<SweepValue>[])[.. begun, values])));

    /// <summary>What tells draws apart: the labels of all dimensions but those of seeds.</summary>
    public static string Key(IReadOnlyList<SweepDimension> dimensions, IReadOnlyList<SweepValue>[] draw) =>
        string.Join('\n', dimensions.Zip(draw).Where(pair => !pair.First.IsOfSeeds).Select(pair => pair.Second[0].Label));

    /// <summary>The value of a range at a share of it, from 0 to 1.</summary>
    public static SweepValue At(SweepRange range, double share)
    {
        if (IsInteger(range))
        {
            double least = Math.Ceiling(range.Minimum), most = Math.Floor(range.Maximum);
            // Half a unit beyond both ends, so that the first and the last whole number are as likely as the others.
            double drawn = range.Logarithmic ? Interpolate(range with { Minimum = least, Maximum = most + 1 }, share) : least
                + (share * (most - least + 1));
            return SweepValue.Of(range.Option, (long)Math.Clamp(Math.Floor(drawn), least, most));
        }
        string format = Width(range) < NarrowShare ? "R" : $"G{DrawnDigits}";
        string digits = Interpolate(range, share).ToString(format, CultureInfo.InvariantCulture);
        double rounded = double.Parse(digits, CultureInfo.InvariantCulture);
        return SweepValue.Of(range.Option, Math.Clamp(rounded, range.Minimum, range.Maximum));
    }

    /// <summary>The two ends of a range, or all values of a list.</summary>
    public static IReadOnlyList<SweepValue> Ends(SweepDimension dimension) => dimension.Range is SweepRange range ? [At(range, 0), At(range, 1)] : dimension.Values;

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public static double Unit(SplittableRandom random) => (random.NextUInt64() >> 11) * (1.0 / (1UL << 53));

    private static SweepValue Draw(SweepDimension dimension, SplittableRandom random) =>
        dimension.Range is SweepRange range ? At(range, Unit(random)) : dimension.Values[random.Next(dimension.Values.Count)];

    private static IEnumerable<SweepValue> Values(SweepDimension dimension)
    {
        if (dimension.Range is not SweepRange range)
            return dimension.Values;
        long least = (long)Math.Ceiling(range.Minimum), most = (long)Math.Floor(range.Maximum);
        return Enumerable.Range(0, (int)(most - least + 1)).Select(i => SweepValue.Of(range.Option, least + i));
    }

    private static double Interpolate(SweepRange range, double share) => range.Logarithmic
        ? Math.Exp(Math.Log(range.Minimum) + (share * (Math.Log(range.Maximum) - Math.Log(range.Minimum))))
        : range.Minimum + (share * (range.Maximum - range.Minimum));
}
