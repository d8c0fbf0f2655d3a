namespace WebDistill.Distillation.Evaluation.TextScores;

/// <summary>
/// ROUGE-L (Lin 2004): F = (1 + β²)·P·R / (R + β²·P) of the longest common subsequence, P its share of the candidate and R its share of a
/// reference; with several references the best P and the best R, as the captioning scripts do.
/// </summary>
internal static class RougeL
{
    /// <summary>The captioning scripts' weight of recall.</summary>
    public const double CaptioningBeta = 1.2;

    /// <summary>Mean over the pairs, 0 to 1.</summary>
    public static double Score(IReadOnlyList<ScoredPair> pairs, double beta = CaptioningBeta) =>
        pairs.Average(pair => Score(pair, beta));

    private static double Score(ScoredPair pair, double beta)
    {
        double precision = 0, recall = 0;
        foreach (string[] reference in pair.References.Where(reference => reference.Length > 0 && pair.Candidate.Length > 0))
        {
            double common = LongestCommonSubsequence(pair.Candidate, reference);
            precision = Math.Max(precision, common / pair.Candidate.Length);
            recall = Math.Max(recall, common / reference.Length);
        }
        double squared = beta * beta;
        return precision == 0 || recall == 0 ? 0 : (1 + squared) * precision * recall / (recall + squared * precision);
    }

    /// <summary>Length of the longest sequence of words that both have in this order, not necessarily side by side.</summary>
    public static int LongestCommonSubsequence(string[] left, string[] right)
    {
        var row = new int[right.Length + 1];
        foreach (string word in left)
        {
            int diagonal = 0;
            for (int j = 1; j <= right.Length; j++)
            {
                int above = row[j];
                row[j] = word == right[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }
        return row[^1];
    }
}
