using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>How the total loss of a run goes, and which of its updates stand out.</summary>
/// <remarks>
/// With m and s the median and the robust standard deviation of the <see cref="WindowUpdates"/> updates before it, an update stands out above
/// m + <see cref="Sigmas"/> · max(s, 2 % of m, 0.2 % of the largest m so far). Eight: a mean over the hundreds of tokens of an update is close to normal and does not get
/// there, while a spike is a matter of whole nats (Chowdhery et al. 2022, section 5.1). The floors: a loss that has become flat, or
/// tiny, has hardly any spread, and a tenth more of it is no spike. Until there are <see cref="LeastUpdates"/> updates the spread is not known: then the median of the
/// latest three must not be twice that of the first three, which an untrained model is as bad as one can be by guessing.
/// </remarks>
internal sealed class LossLevel
{
    /// <summary>Updates that the median and the spread are taken over.</summary>
    public const int WindowUpdates = 100;

    /// <summary>Updates before which nothing is said of a spread.</summary>
    public const int LeastUpdates = 20;

    /// <summary>How many standard deviations an update may lie above the median.</summary>
    public const double Sigmas = 8;

    private const double LeastShareOfMedian = 0.02, LeastShareOfLargestMedian = 0.002, MostAtFirst = 2, MostOfFirstUpdate = 1.25;
    private const int FewAtFirst = 3;

    private readonly RobustWindow _window = new(WindowUpdates);
    private readonly List<double> _first = [];
    private readonly HashSet<int> _doubtful = [];
    private double _largestMedian;

    /// <summary>The latest update.</summary>
    public double Latest { get; private set; } = double.NaN;

    /// <summary>The median before it; NaN where it is not known yet.</summary>
    public double Median { get; private set; } = double.NaN;

    /// <summary>What it should not pass; NaN where it is not known yet.</summary>
    public double Threshold { get; private set; } = double.NaN;

    /// <summary>Whether it passed it.</summary>
    public bool StandsOut { get; private set; }

    /// <summary>Takes an update.</summary>
    public void Take(StepReport report)
    {
        Latest = report.TotalLoss;
        (Median, Threshold) = Expected();
        // A comparison with NaN is false: what is not known yet is not passed.
        StandsOut = _window.Count >= LeastUpdates ? Latest > Threshold : RecentMedian() > Threshold;
        if (StandsOut || !double.IsFinite(Latest) || _window.Count is > 0 and < LeastUpdates && Latest > MostOfFirstUpdate * Math.Abs(_first[0]))
            _doubtful.Add(report.Step);
        if (!double.IsFinite(Latest))
            return;
        if (_first.Count < LeastUpdates)
            _first.Add(Latest);
        _window.Add(Latest);
    }

    /// <summary>Whether the loss of that update was finite and did not stand out; before the spread was known, whether it was no more than a quarter above that of
    /// the first update.</summary>
    public bool WasGood(int step) => !_doubtful.Contains(step);

    private (double Median, double Threshold) Expected()
    {
        if (_window.Count < LeastUpdates)
        {
            return _window.Count < 2 * FewAtFirst - 1 ? (double.NaN, double.NaN)
                : (RobustWindow.Median([.. _first.Take(FewAtFirst)]), MostAtFirst * Math.Abs(RobustWindow.Median([.. _first.Take(FewAtFirst)])));
        }
        (double median, double sigma) = _window.Spread();
        _largestMedian = Math.Max(_largestMedian, Math.Abs(median));
        double spread = Math.Max(sigma, Math.Max(LeastShareOfMedian * Math.Abs(median), LeastShareOfLargestMedian * _largestMedian));
        return (median, median + Sigmas * spread);
    }

    private double RecentMedian() => RobustWindow.Median([.. _first.TakeLast(FewAtFirst - 1), Latest]);
}
