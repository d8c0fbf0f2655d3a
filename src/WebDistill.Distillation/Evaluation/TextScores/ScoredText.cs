using System.Text.RegularExpressions;

namespace WebDistill.Distillation.Evaluation.TextScores;

/// <summary>A sentence as the scores see it: lower-case words without punctuation.</summary>
/// <remarks>The official scripts of CommonGen use the Penn Treebank tokeniser of Stanford's CoreNLP and drop punctuation; this differs from it
/// in contractions (don't stays one word).</remarks>
internal static partial class ScoredText
{
    /// <summary>The words of a sentence.</summary>
    public static string[] Words(string sentence) => [.. Word().Matches(sentence.ToLowerInvariant()).Select(match => match.Value)];

    /// <summary>How often each run of <paramref name="n"/> words occurs.</summary>
    public static Dictionary<string, int> NGrams(IReadOnlyList<string> words, int n)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int start = 0; start + n <= words.Count; start++)
        {
            string gram = string.Join(' ', words.Skip(start).Take(n));
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        }
        return counts;
    }

    [GeneratedRegex(@"[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*")]
    private static partial Regex Word();
}

/// <summary>A candidate with the references that it is compared with, in words.</summary>
internal sealed record ScoredPair(string[] Candidate, IReadOnlyList<string[]> References);
