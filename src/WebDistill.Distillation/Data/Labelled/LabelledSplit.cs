using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>
/// Which examples of one file are held out: of each class its share, drawn without replacement while the file is read, in memory bounded by the classes (selection sampling; Fan, Muller and Rezucha
/// 1962, Knuth's Algorithm S). Of n examples of a class round(share · n) are held out, at least one and at most n - 1, so that each class is trained on and measured; the only example of a class is
/// trained on. The same file, order and share give the same examples on every machine. Equal texts are examples of their own.
/// </summary>
public sealed class LabelledSplit
{
    /// <summary>Largest share: what is trained on is at least as much as what is held out.</summary>
    public const double LargestShare = 0.5;

    // Stored data sets replay their split to show its examples: another seed would show others.
    private const long Seed = 1;

    private readonly SplittableRandom _random = new(Seed);
    private readonly long[] _left;       // of each class: examples that are still to come
    private readonly long[] _toHoldOut;  // of these: to be held out

    /// <param name="counts">Examples of each class in the file.</param>
    /// <param name="share">Of each class; 0 holds none out.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not from 0 to <see cref="LargestShare"/>.</exception>
    public LabelledSplit(IReadOnlyList<long> counts, double share)
    {
        if (!(share >= 0 && share <= LargestShare))
            throw new ArgumentOutOfRangeException(nameof(share), share, $"A held-out share of {share}; expected 0 to {LargestShare}.");
        _left = [.. counts];
        _toHoldOut = [.. counts.Select(count => HeldOutOf(count, share))];
    }

    /// <summary>Examples that are held out, of all classes.</summary>
    public long HeldOut => _toHoldOut.Sum();

    /// <summary>How many of a class's examples are held out: round(share · count), from 1 to count - 1; 0 of one example, and with share 0.</summary>
    public static long HeldOutOf(long count, double share) =>
        share == 0 || count < 2 ? 0 : Math.Clamp((long)Math.Round(share * count, MidpointRounding.AwayFromZero), 1, count - 1);

    /// <summary>Whether the next example of the file, which is of that class, is held out. Asked once for each, in order.</summary>
    public bool Takes(int label)
    {
        if (_left[label] == 0)
            throw new InvalidOperationException($"One more example of class {label}; expected as many as were counted. The file has changed while it was read.");
        // Of those that are left each is as likely as every other one.
        bool isHeldOut = (long)Math.BigMul(_random.NextUInt64(), (ulong)_left[label], out _) < _toHoldOut[label];
        _left[label]--;
        if (isHeldOut)
            _toHoldOut[label]--;
        return isHeldOut;
    }
}
