using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Evaluation.TextScores;

/// <summary>
/// BLEU (Papineni et al. 2002) of a corpus: brevity penalty · exp(mean over n of ln pₙ), pₙ the clipped precision of n-grams over all
/// candidates, against the reference that is closest in length.
/// </summary>
internal static class Bleu
{
    /// <summary>BLEU up to 4-grams, 0 to 1; 0 when no 4-gram matches.</summary>
    public static double Score(IReadOnlyList<ScoredPair> pairs, int longest = 4)
    {
        double logarithms = 0;
        for (int n = 1; n <= longest; n++)
        {
            (long matched, long total) = Precision(pairs, n);
            if (matched == 0)
                return 0;
            logarithms += Math.Log((double)matched / total);
        }
        long candidates = 0, references = 0;
        foreach (ScoredPair pair in pairs)
        {
            int length = pair.Candidate.Length;
            candidates += length;
            references += pair.References.Select(reference => reference.Length)
                .OrderBy(other => Math.Abs(other - length)).ThenBy(other => other).First();
        }
        double brevity = candidates >= references ? 1 : Math.Exp(1 - (double)references / candidates);
        return brevity * Math.Exp(logarithms / longest);
    }

    /// <summary>N-grams of the candidates that occur in a reference, none counted more often than it occurs in one of them, and all
    /// n-grams of the candidates.</summary>
    public static (long Matched, long Total) Precision(IReadOnlyList<ScoredPair> pairs, int n)
    {
        long matched = 0, total = 0;
        foreach (ScoredPair pair in pairs)
        {
            Dictionary<string, int>[] references = [.. pair.References.Select(reference => ScoredText.NGrams(reference, n))];
            foreach ((string gram, int count) in ScoredText.NGrams(pair.Candidate, n))
            {
                matched += Math.Min(count, references.Max(reference => reference.GetValueOrDefault(gram)));
                total += count;
            }
        }
        return (matched, total);
    }
}
