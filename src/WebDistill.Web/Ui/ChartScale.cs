namespace WebDistill.Web.Ui;

/// <summary>Where numbers stand along an axis, from 0 to 1, linear or logarithmic. What is not finite has no place: the picture leaves it
/// out and says so.</summary>
public sealed class ChartScale
{
    // A logarithm pays where the numbers span more than this.
    private const double WideRatio = 20;

    // Numbers nearer to each other than this, relatively, are one: between them an axis would have no numbers to write.
    private const double Resolution = 1e-12;

    private readonly double _low, _high;
    private readonly bool _logarithmic;

    /// <param name="numbers">What shall have a place; at least one, and all finite.</param>
    /// <param name="logarithmic">Whether equal ratios take equal room; ignored unless every number is positive.</param>
    public ChartScale(IReadOnlyCollection<double> numbers, bool logarithmic)
    {
        (_low, _high) = (numbers.Min(), numbers.Max());
        if (!double.IsFinite(_low) || !double.IsFinite(_high))
            throw new ArgumentOutOfRangeException(nameof(numbers), $"The axis goes from {_low} to {_high}, expected finite numbers. "
                + "Leave out what is not finite, and say so.");
        _logarithmic = logarithmic && _low > 0;
    }

    /// <summary>Whether numbers are all positive and so far apart that a linear axis would crowd the small ones.</summary>
    public static bool IsWide(IReadOnlyCollection<double> numbers) => numbers.Min() > 0 && numbers.Max() / numbers.Min() >= WideRatio;

    /// <summary>The place of a number: 0 for the smallest, 1 for the largest, the middle where all are equal.</summary>
    public double Place(double number) => IsFlat ? 0.5
        // Halved first: the distance of two finite numbers can be infinite.
        : _logarithmic ? (Math.Log(number) - Math.Log(_low)) / (Math.Log(_high) - Math.Log(_low)) : (number / 2 - _low / 2) / (_high / 2 - _low / 2);

    private bool IsFlat => _high / 2 - _low / 2 <= Resolution * Math.Max(Math.Abs(_low), Math.Abs(_high));

    /// <summary>
    /// Some of the numbers, the smallest and the largest among them, the others no nearer to each other than <paramref name="apart"/>.
    /// </summary>
    public IReadOnlyList<double> Ticks(IEnumerable<double> numbers, double apart)
    {
        List<double> ticks = [];
        foreach (double number in numbers.Distinct().Order())
        {
            if (ticks.Count == 0 || Place(number) - Place(ticks[^1]) >= apart)
                ticks.Add(number);
            else if (number == _high)
                ticks[^1] = number;
        }
        return ticks;
    }

    /// <summary>Four to six round numbers within the axis.</summary>
    public IReadOnlyList<double> RoundTicks()
    {
        if (IsFlat)
            return [_low];
        double rough = _high / 5 - _low / 5, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = new[] { 1, 2, 5, 10 }.First(factor => factor * power >= rough * 0.75) * power;
        List<double> ticks = [];
        for (double tick = Math.Ceiling(_low / step) * step; tick - _high <= step * 1e-9; tick += step)
            ticks.Add(tick);
        return ticks;
    }

    /// <summary>A number of an option as the form writes it.</summary>
    public static string Text(double number) => RunDraft.Write(System.Text.Json.Nodes.JsonValue.Create(number));
}
