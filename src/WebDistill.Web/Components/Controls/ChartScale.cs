using WebDistill.Web.Components.Forms;

namespace WebDistill.Web.Components.Controls;

/// <summary>Where numbers stand along an axis, from 0 to 1, linear or logarithmic.</summary>
public sealed class ChartScale
{
    // A logarithm pays where the numbers span more than this.
    private const double WideRatio = 20;

    private readonly double _low, _high;
    private readonly bool _logarithmic;

    /// <param name="numbers">What shall have a place; at least one.</param>
    /// <param name="logarithmic">Whether equal ratios take equal room; ignored unless every number is positive.</param>
    public ChartScale(IReadOnlyCollection<double> numbers, bool logarithmic)
    {
        (_low, _high) = (numbers.Min(), numbers.Max());
        _logarithmic = logarithmic && _low > 0;
    }

    /// <summary>Whether numbers are all positive and so far apart that a linear axis would crowd the small ones.</summary>
    public static bool IsWide(IReadOnlyCollection<double> numbers) => numbers.Min() > 0 && numbers.Max() / numbers.Min() >= WideRatio;

    /// <summary>The place of a number: 0 for the smallest, 1 for the largest, the middle where all are equal.</summary>
    public double Place(double number) => _low == _high ? 0.5
        : _logarithmic ? Math.Log(number / _low) / Math.Log(_high / _low) : (number - _low) / (_high - _low);

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
        if (_low == _high)
            return [_low];
        double rough = (_high - _low) / 5, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = new[] { 1, 2, 5, 10 }.First(factor => factor * power >= rough * 0.75) * power;
        List<double> ticks = [];
        for (double tick = Math.Ceiling(_low / step) * step; tick <= _high + step * 1e-9; tick += step)
            ticks.Add(tick);
        return ticks;
    }

    /// <summary>A number of an option as the form writes it.</summary>
    public static string Text(double number) => RunDraft.Write(System.Text.Json.Nodes.JsonValue.Create(number));
}
