namespace WebDistill.Distillation.Evaluation.TextScores;

/// <summary>
/// CIDEr-D (Vedantam et al. 2015): 10 · mean over n = 1..4 and over the references of exp(−(Δ length)² / 2σ²) times the cosine of tf-idf
/// vectors of n-grams, the candidate's weights clipped to the reference's; idf is ln(pairs / pairs in whose references the n-gram occurs).
/// </summary>
internal static class Cider
{
    private const int Longest = 4;
    private const double Sigma = 6;

    /// <summary>Mean over the pairs, 0 to 10. With one pair alone every idf, and so the score, is 0.</summary>
    public static double Score(IReadOnlyList<ScoredPair> pairs)
    {
        double sum = 0;
        Dictionary<string, int>[] frequencies = [.. Enumerable.Range(1, Longest).Select(n => DocumentFrequencies(pairs, n))];
        foreach (ScoredPair pair in pairs)
        {
            double ofPair = 0;
            foreach (string[] reference in pair.References)
            {
                double length = pair.Candidate.Length - reference.Length;
                double penalty = Math.Exp(-length * length / (2 * Sigma * Sigma));
                for (int n = 1; n <= Longest; n++)
                    ofPair += penalty * Similarity(
                        Vector(pair.Candidate, n, frequencies[n - 1], pairs.Count), Vector(reference, n, frequencies[n - 1], pairs.Count));
            }
            sum += 10 * ofPair / (Longest * pair.References.Count);
        }
        return sum / pairs.Count;
    }

    private static Dictionary<string, int> DocumentFrequencies(IReadOnlyList<ScoredPair> pairs, int n)
    {
        var frequencies = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (ScoredPair pair in pairs)
        {
            foreach (string gram in pair.References.SelectMany(reference => ScoredText.NGrams(reference, n).Keys).Distinct())
                frequencies[gram] = frequencies.GetValueOrDefault(gram) + 1;
        }
        return frequencies;
    }

    private static Dictionary<string, double> Vector(string[] words, int n, Dictionary<string, int> frequencies, int pairs) =>
        ScoredText.NGrams(words, n).ToDictionary(gram => gram.Key,
            gram => gram.Value * (Math.Log(pairs) - Math.Log(Math.Max(1, frequencies.GetValueOrDefault(gram.Key)))));

    private static double Similarity(Dictionary<string, double> candidate, Dictionary<string, double> reference)
    {
        double product = 0;
        foreach ((string gram, double weight) in candidate)
        {
            if (reference.TryGetValue(gram, out double other))
                product += Math.Min(weight, other) * other;
        }
        double lengths = Length(candidate) * Length(reference);
        return lengths > 0 ? product / lengths : 0;
    }

    private static double Length(Dictionary<string, double> vector) => Math.Sqrt(vector.Values.Sum(weight => weight * weight));
}
