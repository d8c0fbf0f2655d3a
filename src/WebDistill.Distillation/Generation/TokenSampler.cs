using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Generation;

/// <summary>
/// Chooses a token from logits: greedily, or at random after temperature, then top-k, then top-p; before all of them the repetition
/// penalty.
/// </summary>
/// <remarks>
/// Holtzman et al. 2020 for top-p. The vocabulary is never sorted: top-k keeps a heap of k, top-p counts the probability in bins of like
/// weight and sorts the one bin in which the limit falls. Buffers are kept from token to token.
/// </remarks>
internal sealed class TokenSampler(GenerationOptions options)
{
    /// <summary>Bins of like weight per factor e, so that the weights of one bin differ by 0.4 % at most.</summary>
    private const int BinsPerNat = 256;

    /// <summary>The last one holds every weight below e⁻⁶⁴ of the largest.</summary>
    private const int BinCount = 64 * BinsPerNat;

    private readonly SeededRandom _random = new(options.Seed);
    private readonly double[] _binWeights = new double[BinCount];
    private readonly HashSet<int> _seen = [];
    private float[] _penalised = [];
    private int[] _candidates = [];
    private double[] _weights = [];
    private short[] _bins = [];

    /// <summary>Remembers an id of the prompt or of the text: the repetition penalty falls on it from now on.</summary>
    public void See(int id) => _seen.Add(id);

    /// <summary>The chosen index of <paramref name="logits"/>, which are not changed.</summary>
    /// <exception cref="InvalidDataException">A logit is NaN or infinite: the model's weights are damaged.</exception>
    public int Choose(ReadOnlySpan<float> logits)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (!float.IsFinite(logits[i]))
                throw new InvalidDataException(
                    $"The model's logit for token {i} is {logits[i]}, expected a finite number. Its weights are damaged.");
        }
        if (options.RepetitionPenalty != 1)
            logits = Penalise(logits);
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] > logits[best])
                best = i;
        }
        if (options.Greedy)
            return best;

        if (_candidates.Length < logits.Length)
        {
            _candidates = new int[logits.Length];
            _weights = new double[logits.Length];
            _bins = new short[logits.Length];
        }
        int count = options.TopK > 0 && options.TopK < logits.Length ? KeepLargest(logits, options.TopK) : KeepAll(logits.Length);
        double total = 0;
        for (int i = 0; i < count; i++)
        {
            double logarithm = (logits[_candidates[i]] - logits[best]) / options.Temperature;
            _bins[i] = (short)Math.Min(BinCount - 1, -logarithm * BinsPerNat);
            total += _weights[i] = Math.Exp(logarithm);
        }
        if (options.TopP < 1)
            (count, total) = KeepNucleus(count, options.TopP * total);
        return _candidates[Draw(count, total)];
    }

    private ReadOnlySpan<float> Penalise(ReadOnlySpan<float> logits)
    {
        if (_penalised.Length < logits.Length)
            _penalised = new float[logits.Length];
        logits.CopyTo(_penalised);
        foreach (int id in _seen)
        {
            double logit = logits[id];
            _penalised[id] = (float)(logit > 0 ? logit / options.RepetitionPenalty : logit * options.RepetitionPenalty);
        }
        return _penalised.AsSpan(0, logits.Length);
    }

    private int KeepAll(int count)
    {
        for (int i = 0; i < count; i++)
            _candidates[i] = i;
        return count;
    }

    /// <summary>Indices of the k largest values; of equal ones those with the smaller index.</summary>
    private int KeepLargest(ReadOnlySpan<float> values, int k)
    {
        // The root is the smallest kept: by value, and among equal values the one with the largest index.
        var kept = new PriorityQueue<int, (float Value, int Order)>(k);
        float smallest = float.NegativeInfinity;
        for (int i = 0; i < values.Length; i++)
        {
            if (kept.Count < k)
                kept.Enqueue(i, (values[i], -i));
            else if (values[i] > smallest)
                kept.DequeueEnqueue(i, (values[i], -i));
            else
                continue;
            smallest = values[kept.Peek()];
        }
        int count = 0;
        foreach ((int index, _) in kept.UnorderedItems)
            _candidates[count++] = index;
        Array.Sort(_candidates, 0, count);
        return count;
    }

    /// <summary>
    /// Keeps the fewest candidates, heaviest first and of equal ones those with the smaller index, whose weights reach
    /// <paramref name="needed"/>.
    /// </summary>
    private (int Count, double Total) KeepNucleus(int count, double needed)
    {
        Array.Clear(_binWeights);
        for (int i = 0; i < count; i++)
            _binWeights[_bins[i]] += _weights[i];
        double above = 0;
        int last = 0;
        for (; last < BinCount - 1 && above + _binWeights[last] < needed; last++)
            above += _binWeights[last];

        var boundary = new List<(double Weight, int Place)>();
        for (int i = 0; i < count; i++)
            if (_bins[i] == last)
                boundary.Add((_weights[i], i));
        boundary.Sort((left, right) => right.Weight != left.Weight ? right.Weight.CompareTo(left.Weight) : left.Place - right.Place);
        for (int i = 0; i < boundary.Count && above < needed; i++)
        {
            above += boundary[i].Weight;
            _bins[boundary[i].Place]--;
        }

        int kept = 0;
        double total = 0;
        for (int i = 0; i < count; i++)
        {
            if (_bins[i] >= last)
                continue;
            (_candidates[kept], _weights[kept]) = (_candidates[i], _weights[i]);
            total += _weights[kept++];
        }
        return (kept, total);
    }

    private int Draw(int count, double total)
    {
        double left = _random.NextDouble() * total;
        for (int i = 0; i < count - 1; i++)
        {
            left -= _weights[i];
            if (left < 0)
                return i;
        }
        return count - 1;
    }
}
