using WebDistill.Distillation.Evaluation.TextScores;

namespace WebDistill.Distillation.Tests.Evaluation;

/// <summary>The scores against the worked examples of the papers that defined them, and against sums done by hand.</summary>
public sealed class TextScoresTests
{
    private static readonly string[] s_papineni =
    [
        "It is a guide to action that ensures that the military will forever heed Party commands.",
        "It is the guiding principle which guarantees the military forces always being under the command of the Party.",
        "It is the practical guide for the army always to heed the directions of the party.",
    ];

    // Papineni et al. 2002, section 2.1: examples 1 and 2.
    [Theory]
    [InlineData("It is a guide to action which ensures that the military always obeys the commands of the party.", 1, 17, 18)]
    [InlineData("It is a guide to action which ensures that the military always obeys the commands of the party.", 2, 10, 17)]
    [InlineData("It is to insure the troops forever hearing the activity guidebook that party direct.", 1, 8, 14)]
    [InlineData("It is to insure the troops forever hearing the activity guidebook that party direct.", 2, 1, 13)]
    public void BleuPrecision_OfThePapersExamples(string candidate, int n, int matched, int total) =>
        Assert.Equal((matched, total), Bleu.Precision([Pair(candidate, s_papineni)], n));

    [Fact]
    public void BleuPrecision_RepeatedWord_IsClipped() => Assert.Equal((2, 7),
        Bleu.Precision([Pair("the the the the the the the", "The cat is on the mat.", "There is a cat on the mat.")], 1));

    [Fact]
    public void Bleu_ByHand_HasTheBrevityPenalty()
    {
        // 4 of 4 words, 3 of 3 pairs, 2 of 2 triples, 1 of 1; 4 words against 6: exp(1 - 6/4).
        Assert.Equal(Math.Exp(-0.5), Bleu.Score([Pair("the cat is on", "the cat is on the mat")]), 12);
        Assert.Equal(1, Bleu.Score([Pair("the cat is on the mat", "the cat is on the mat")]), 12);
        Assert.Equal(0, Bleu.Score([Pair("the cat", "the cat is on the mat")]));
        // Corpus, not mean of sentences: (4 + 3)/(4 + 4) words, (3 + 2)/6, (2 + 1)/4, (1 + 0)/2.
        double expected = Math.Exp((Math.Log(7 / 8.0) + Math.Log(5 / 6.0) + Math.Log(3 / 4.0) + Math.Log(1 / 2.0)) / 4);
        Assert.Equal(expected, Bleu.Score([Pair("a b c d", "a b c d"), Pair("a b c x", "a b c d")]), 12);
    }

    // Lin 2004, section 3.1: S1 is the reference.
    [Theory]
    [InlineData("police kill the gunman", 0.75)]
    [InlineData("the gunman kill police", 0.5)]
    public void RougeL_OfThePapersExample(string candidate, double expected) =>
        Assert.Equal(expected, RougeL.Score([Pair(candidate, "police killed the gunman")], beta: 1), 12);

    [Fact]
    public void RougeL_SeveralReferences_TakesTheBestPrecisionAndTheBestRecall()
    {
        // P = 2/3 with both, R = 2/2 with the second: F = 2.44 * 2/3 / (1 + 1.44 * 2/3).
        double expected = 2.44 * (2.0 / 3) / (1 + 1.44 * 2 / 3);
        Assert.Equal(expected, RougeL.Score([Pair("a b x", "a b c d", "a b")]), 12);
        Assert.Equal(0, RougeL.Score([Pair("", "a b")]));
    }

    [Fact]
    public void Cider_OfTheReferenceItself_IsTen()
    {
        ScoredPair[] pairs = [Pair("a dog runs over the field", "a dog runs over the field"), Pair("two men eat at night", "two men eat at night")];
        Assert.Equal(10, Cider.Score(pairs), 10);
    }

    [Fact]
    public void Cider_ByHand()
    {
        // idf of every n-gram of one pair only is ln 2 =: k. First pair, n = 1: candidate (a, b), reference (a, c): cosine 1/2; n = 2: ab
        // against ac: 0; n = 3 and 4: nothing. Same length, so no penalty: 10 * (1/2) / 4. Second pair: nothing in common.
        ScoredPair[] pairs = [Pair("a b", "a c"), Pair("x y", "u v")];
        Assert.Equal(10 * 0.5 / 4 / 2, Cider.Score(pairs), 12);
        // One word longer: exp(-1/72). Cosine of (a, b, b') with (a, c): 1/sqrt(3 * 2).
        Assert.Equal(10 * Math.Exp(-1 / 72.0) / Math.Sqrt(6) / 4 / 2, Cider.Score([Pair("a b d", "a c"), Pair("x y", "u v")]), 12);
        // In the references of both pairs: idf ln 1 = 0, so it counts nothing.
        Assert.Equal(0, Cider.Score([Pair("a b", "a c"), Pair("x y", "a v")]), 12);
    }

    [Theory]
    [InlineData("run", "running", true)]
    [InlineData("run", "ran", true)]
    [InlineData("run", "runs", true)]
    [InlineData("run", "runner", false)]
    [InlineData("carry", "carries", true)]
    [InlineData("carry", "carried", true)]
    [InlineData("play", "plaies", false)]
    [InlineData("dance", "dancing", true)]
    [InlineData("dance", "danced", true)]
    [InlineData("dish", "dishes", true)]
    [InlineData("stand", "stood", true)]
    [InlineData("child", "children", true)]
    [InlineData("cat", "category", false)]
    public void ConceptForms_OfEnglish(string concept, string word, bool expected) => Assert.Equal(expected, ConceptForms.IsForm(word, concept));

    [Fact]
    public void Words_AreLowerCaseWithoutPunctuation() =>
        Assert.Equal(["the", "dog's", "well-known", "3", "balls"], ScoredText.Words("The dog's well-known: 3 balls!"));

    private static ScoredPair Pair(string candidate, params string[] references) =>
        new(ScoredText.Words(candidate), [.. references.Select(ScoredText.Words)]);
}
