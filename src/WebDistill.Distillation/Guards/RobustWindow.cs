namespace WebDistill.Distillation.Guards;

/// <summary>The latest numbers of a series, with a middle and a spread that a few wild ones among them do not move.</summary>
internal sealed class RobustWindow(int capacity)
{
    /// <summary>Median absolute deviation to standard deviation, for normal noise: 1 / Φ⁻¹(3/4).</summary>
    public const double DeviationToSigma = 1.4826;

    private readonly double[] _values = new double[capacity];
    private readonly double[] _sorted = new double[capacity];
    private int _next;

    /// <summary>How many there are: at most the capacity.</summary>
    public int Count { get; private set; }

    /// <summary>Takes one more; the oldest one goes when there is no room.</summary>
    public void Add(double value)
    {
        _values[_next] = value;
        _next = (_next + 1) % capacity;
        Count = Math.Min(capacity, Count + 1);
    }

    /// <summary>Median and standard deviation as the median absolute deviation gives it; NaN without numbers.</summary>
    public (double Median, double Sigma) Spread() => Spread(_values.AsSpan(0, Count), _sorted);

    /// <summary>The same of the older and of the newer half of a full window.</summary>
    public ((double Median, double Sigma) Older, (double Median, double Sigma) Newer) Halves()
    {
        double[] inOrder = [.. _values.AsSpan(_next), .. _values.AsSpan(0, _next)];
        return (Spread(inOrder.AsSpan(0, capacity / 2), _sorted), Spread(inOrder.AsSpan(capacity / 2), _sorted));
    }

    /// <summary>Median of some numbers, which are sorted in place; NaN without any.</summary>
    public static double Median(Span<double> values)
    {
        if (values.Length == 0)
            return double.NaN;
        values.Sort();
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }

    private static (double Median, double Sigma) Spread(ReadOnlySpan<double> values, double[] room)
    {
        Span<double> sorted = room.AsSpan(0, values.Length);
        values.CopyTo(sorted);
        double median = Median(sorted);
        for (int i = 0; i < sorted.Length; i++)
            sorted[i] = Math.Abs(sorted[i] - median);
        return (median, DeviationToSigma * Median(sorted));
    }
}
