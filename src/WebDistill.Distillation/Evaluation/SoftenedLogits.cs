namespace WebDistill.Distillation.Evaluation;

/// <summary>A row of logits [V] as a distribution over V tokens: softmax(logits / T).</summary>
/// <param name="logits">[V]; looked at again by every question.</param>
/// <param name="temperature">T, above 0.</param>
internal readonly ref struct SoftenedLogits(ReadOnlySpan<float> logits, double temperature = 1)
{
    private readonly ReadOnlySpan<float> _logits = logits;
    private readonly double _factor = 1 / temperature;
    private readonly double _logSum = NextTokenLogits.LogSumExp(logits, 1 / temperature);

    /// <summary>ln p of a token.</summary>
    public double LogProbability(int id) => _logits[id] * _factor - _logSum;

    /// <summary>−Σ p ln p, nats: 0 for certainty, ln V where all tokens are equally likely.</summary>
    public double EntropyNats()
    {
        double entropy = 0;
        for (int id = 0; id < _logits.Length; id++)
        {
            double logarithm = LogProbability(id), probability = Math.Exp(logarithm);
            // A token that is impossible adds nothing: 0 · ln 0 is 0 here.
            if (probability != 0)
                entropy -= probability * logarithm;
        }
        return entropy;
    }

    /// <summary>KL(this ‖ other) = Σ p (ln p − ln q), nats; never below 0, which rounding could do.</summary>
    public double KlNats(SoftenedLogits other)
    {
        double kl = 0;
        for (int id = 0; id < _logits.Length; id++)
        {
            double logarithm = LogProbability(id);
            kl += Math.Exp(logarithm) * (logarithm - other.LogProbability(id));
        }
        return Math.Max(0, kl);
    }
}
