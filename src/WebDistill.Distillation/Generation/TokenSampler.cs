namespace WebDistill.Distillation.Generation;

/// <summary>Chooses a token from logits: greedily, or at random after temperature, then top-k, then top-p.</summary>
/// <remarks>
/// Holtzman et al. 2020 for top-p. The vocabulary is never sorted: top-k selects, top-p takes from a heap until the probability is reached.
/// </remarks>
internal sealed class TokenSampler(GenerationOptions options)
{
    private readonly SeededRandom _random = new(options.Seed);

    /// <summary>The chosen index of <paramref name="logits"/>.</summary>
    /// <exception cref="InvalidDataException">A logit is NaN or infinite: the model's weights are damaged.</exception>
    public int Choose(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (!float.IsFinite(logits[i]))
                throw new InvalidDataException(
                    $"The model's logit for token {i} is {logits[i]}, expected a finite number. Its weights are damaged.");
            if (logits[i] > logits[best])
                best = i;
        }
        if (options.Greedy)
            return best;

        int[] candidates = options.TopK > 0 && options.TopK < logits.Length ? Largest(logits, options.TopK)
            : [.. Enumerable.Range(0, logits.Length)];
        var weights = new double[candidates.Length];
        double total = 0;
        for (int i = 0; i < weights.Length; i++)
            total += weights[i] = Math.Exp((logits[candidates[i]] - logits[best]) / options.Temperature);
        if (options.TopP < 1)
            (candidates, weights, total) = Nucleus(candidates, weights, options.TopP * total);
        return candidates[Draw(weights, total)];
    }

    /// <summary>Indices of the k largest values; of equal ones those with the smaller index.</summary>
    private static int[] Largest(ReadOnlySpan<float> values, int k)
    {
        // The root is the smallest kept: by value, and among equal values the one with the largest index.
        var kept = new PriorityQueue<int, (float Value, int Order)>(k);
        for (int i = 0; i < values.Length; i++)
        {
            if (kept.Count < k)
                kept.Enqueue(i, (values[i], -i));
            else if (values[i] > values[kept.Peek()])
                kept.DequeueEnqueue(i, (values[i], -i));
        }
        int[] indices = [.. kept.UnorderedItems.Select(item => item.Element)];
        Array.Sort(indices);
        return indices;
    }

    /// <summary>The fewest candidates, heaviest first, whose weights reach <paramref name="needed"/>.</summary>
    private static (int[] Candidates, double[] Weights, double Total) Nucleus(int[] candidates, double[] weights, double needed)
    {
        var heaviest = new PriorityQueue<int, (double, int)>(Enumerable.Range(0, weights.Length).Select(i => (i, (-weights[i], i))));
        var keptCandidates = new List<int>();
        var keptWeights = new List<double>();
        double total = 0;
        while (total < needed && heaviest.TryDequeue(out int i, out _))
        {
            keptCandidates.Add(candidates[i]);
            keptWeights.Add(weights[i]);
            total += weights[i];
        }
        return ([.. keptCandidates], [.. keptWeights], total);
    }

    private int Draw(double[] weights, double total)
    {
        double left = _random.NextDouble() * total;
        for (int i = 0; i < weights.Length - 1; i++)
        {
            left -= weights[i];
            if (left < 0)
                return i;
        }
        return weights.Length - 1;
    }
}
