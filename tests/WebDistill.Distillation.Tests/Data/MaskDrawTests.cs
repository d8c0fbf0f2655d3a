using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data;

public sealed class MaskDrawTests
{
    private const int Pad = 0, Unknown = 1, Begin = 2, End = 3, Mask = 4, Vocabulary = 40;

    private static readonly TokenRoles s_roles = new(Begin, End, Pad, Unknown, Mask);

    /// <summary>Numbers of 1 000, 100, 10 and no occurrences, from max(n, 1)^-0.7.</summary>
    [Fact]
    public void Weights_OfCounts_AreThoseOfTheReferenceGolden()
    {
        double[] weights = MaskDraw.Weights([5, 5, 5, 5, 5, 1000, 100, 10, 0], s_roles, 0.7);
        Assert.Equal([0, 0, 0, 0, 0], weights[..5]);
        double[] expected = [0.0079432823, 0.0398107171, 0.1995262315, 1];   // powers of ten: -2.1, -1.4, -0.7, 0
        for (int i = 0; i < expected.Length; i++)
            GoldenFiles.AssertNear(expected[i], weights[5 + i], 1e-6, 0, $"weight {i}");
    }

    [Theory]
    [InlineData(7, 2)]      // 1.05
    [InlineData(20, 3)]     // 3 exactly
    [InlineData(21, 4)]
    [InlineData(0, 0)]
    public void Guessed_IsRoundedUpGolden(int tokens, int expected) => Assert.Equal(expected, MaskDraw.Guessed(0.15, tokens));

    [Fact]
    public void Apply_LengthsFourAndThree_HasSevenRowsAndTwoOfTheMaskGolden()
    {
        TokenBatch batch = Draw(new()).Apply(Batch([Begin, 10, 11, End], [Begin, 12, End]), new SeededRandom(1));
        Assert.Equal(new LossCounts(7, 2, 2, 16 + 9), batch.Counts());
        Assert.Equal(7, batch.TokenPlaces().Length);
        Assert.Equal(2, batch.RowsWithTarget().Length);
        Assert.All(batch.RowsWithTarget(), row => Assert.Equal(batch.Labels![batch.TokenPlaces()[row]], batch.Targets()[row]));
        Assert.Equal(2, batch.Labels!.Count(label => label != LogitLosses.NoTarget));
    }

    [Fact]
    public void Apply_ManyBatches_GuessesExactlySoMany_NeverASpecialIdOrPadding_AndChangesNothingElse()
    {
        MaskDraw draw = Draw(new());
        for (int seed = 0; seed < 300; seed++)
        {
            TokenBatch plain = RandomBatch(seed, rows: 5, columns: 24);
            TokenBatch masked = draw.Apply(plain, new SeededRandom(seed));
            long tokens = plain.Lengths.Sum(length => (long)length);
            Assert.Equal((int)Math.Ceiling(0.15 * tokens), masked.Counts().Targets);
            for (int place = 0; place < plain.Ids.Length; place++)
            {
                if (masked.Labels![place] == LogitLosses.NoTarget)
                {
                    Assert.Equal(plain.Ids[place], masked.Ids[place]);
                    continue;
                }
                Assert.Equal(plain.Ids[place], masked.Labels[place]);
                Assert.True(place % plain.Columns < plain.Lengths[place / plain.Columns], "padding was drawn");
                Assert.DoesNotContain((int)plain.Ids[place], s_roles.All);
                Assert.InRange(masked.Ids[place], 0, Vocabulary - 1);
            }
            Assert.Equal(plain.Lengths, masked.Lengths);
        }
    }

    /// <summary>Shares within four standard deviations of the binomial distribution.</summary>
    [Fact]
    public void Apply_ManyBatches_MasksKeepsAndReplacesInTheSharesThatAreAsked()
    {
        MaskDraw draw = Draw(new() { MaskShare = 0.7, KeepShare = 0.2, RandomShare = 0.1 });
        int masked = 0, same = 0, other = 0;
        for (int seed = 0; seed < 2000; seed++)
        {
            TokenBatch plain = RandomBatch(seed, rows: 4, columns: 30), drawn = draw.Apply(plain, new SeededRandom(seed));
            for (int place = 0; place < plain.Ids.Length; place++)
            {
                if (drawn.Labels![place] == LogitLosses.NoTarget)
                    continue;
                if (drawn.Ids[place] == Mask)
                    masked++;
                else if (drawn.Ids[place] == plain.Ids[place])
                    same++;
                else
                    other++;
            }
        }
        // A replacement is the mask, or the token itself, once in V.
        InBounds(0.7 + 0.1 / Vocabulary, masked);
        InBounds(0.2 + 0.1 / Vocabulary, same);
        InBounds(0.1 - 0.2 / Vocabulary, other);

        void InBounds(double share, int count)
        {
            int all = masked + same + other;
            double deviation = Math.Sqrt(share * (1 - share) / all);
            Assert.InRange((double)count / all, share - 4 * deviation, share + 4 * deviation);
        }
    }

    [Fact]
    public void Apply_Replacements_AreUniformOverTheWholeVocabulary()
    {
        MaskDraw draw = Draw(new() { MaskShare = 0, KeepShare = 0, RandomShare = 1, Proportion = 0.5 });
        var counts = new int[Vocabulary];
        for (int seed = 0; seed < 2000; seed++)
        {
            TokenBatch drawn = draw.Apply(RandomBatch(seed, rows: 4, columns: 30), new SeededRandom(seed));
            for (int place = 0; place < drawn.Ids.Length; place++)
            {
                if (drawn.Labels![place] != LogitLosses.NoTarget)
                    counts[drawn.Ids[place]]++;
            }
        }
        double expected = counts.Sum() / (double)Vocabulary;
        Assert.All(counts, count => Assert.InRange(count, expected - 4.5 * Math.Sqrt(expected), expected + 4.5 * Math.Sqrt(expected)));
    }

    /// <summary>The first of two draws is in proportion to the weights, the second in proportion to those that are left: 4, 2 and 1 of 7.</summary>
    [Fact]
    public void Apply_DrawsInProportionToTheWeights_WithoutReplacement()
    {
        var weights = new double[Vocabulary];
        (weights[10], weights[11], weights[12]) = (4, 2, 1);
        var draw = new MaskDraw(weights, Mask, new() { Proportion = 0.4 });
        TokenBatch plain = Batch([Begin, 10, 11, 12, End]);
        const int times = 20_000;
        var left = new int[3];   // which of the three was not drawn
        for (int seed = 0; seed < times; seed++)
        {
            TokenBatch drawn = draw.Apply(plain, new SeededRandom(SeededRandom.Combine(7, seed, 0)));
            Assert.Equal(2, drawn.Counts().Targets);
            left[Enumerable.Range(0, 3).Single(i => drawn.Labels![1 + i] == LogitLosses.NoTarget)]++;
        }
        double notFirst = 2 / 7.0 * (1 / 5.0) + 1 / 7.0 * (2 / 6.0), notSecond = 4 / 7.0 * (1 / 3.0) + 1 / 7.0 * (4 / 6.0), notThird = 4 / 7.0 * (2 / 3.0) + 2 / 7.0 * (4 / 5.0);
        Assert.Equal(1, notFirst + notSecond + notThird, 12);
        foreach ((double share, int count) in new[] { (notFirst, left[0]), (notSecond, left[1]), (notThird, left[2]) })
            Assert.InRange((double)count / times, share - 4 * Math.Sqrt(share * (1 - share) / times), share + 4 * Math.Sqrt(share * (1 - share) / times));
    }

    [Fact]
    public void Apply_ABatchWithFewerThatMayBeDrawn_GivesAllOfThem()
    {
        TokenBatch drawn = Draw(new() { Proportion = 1 }).Apply(Batch([Begin, 10, End], [Begin, End]), new SeededRandom(3));
        Assert.Equal(1, drawn.Counts().Targets);
        Assert.Equal(0, Draw(new()).Apply(Batch([Begin, End]), new SeededRandom(3)).Counts().Targets);
    }

    [Fact]
    public void Counts_OfABatchWithoutLabels_AreThoseOfTheNextToken()
    {
        TokenBatch batch = Batch([5, 6, 7], [8]);
        Assert.Equal(new LossCounts(4, 2, 2, 9 + 1), batch.Counts());
        Assert.Equal([6, 7, LogitLosses.NoTarget, LogitLosses.NoTarget], batch.Targets());
        Assert.Equal([0, 1], batch.RowsWithTarget());
    }

    [Theory]
    [InlineData(0, 0.8, 0.1, 0.1, "proportion", "The value is 0")]
    [InlineData(1.5, 0.8, 0.1, 0.1, "proportion", "The value is 1.5")]
    [InlineData(0.15, 0.8, 0.1, 0.2, "maskShare", "(0.8), kept (0.1) and replaced tokens (0.2) are 1.1 together, expected 1")]
    [InlineData(0.15, 1.2, 0.1, 0.1, "maskShare", "The value is 1.2")]
    [InlineData(0.15, 0.8, -0.1, 0.3, "keepShare", "The value is -0.1")]
    [InlineData(double.NaN, 0.8, 0.1, 0.1, "proportion", "The value is")]
    public void Options_ThatCannotBe_AreRefused(double proportion, double mask, double keep, double random, string field, string said)
    {
        OptionProblem problem = Assert.Single(new MaskingOptions { Proportion = proportion, MaskShare = mask, KeepShare = keep, RandomShare = random }.Validate());
        Assert.Equal(field, problem.Field);
        Assert.Contains(said, problem.Message);
    }

    [Theory]
    [InlineData(0.8, 0.1, 0.1)]
    [InlineData(0.7, 0.2, 0.1)]     // 0.9999999999999999 as numbers of 64 bits
    [InlineData(1, 0, 0)]
    public void Options_SharesThatAreOneTogether_AreTaken(double mask, double keep, double random) =>
        Assert.Empty(new MaskingOptions { MaskShare = mask, KeepShare = keep, RandomShare = random }.Validate());

    private static MaskDraw Draw(MaskingOptions options) =>
        new(MaskDraw.Weights([.. Enumerable.Range(0, Vocabulary).Select(id => (long)id * id)], s_roles, options.Smoothing), Mask, options);

    private static TokenBatch Batch(params int[][] rows) => GoldenFiles.Batch(rows, Pad);

    private static TokenBatch RandomBatch(int seed, int rows, int columns)
    {
        var random = new SeededRandom(1000 + seed);
        return Batch([.. Enumerable.Range(0, rows).Select(_ => (int[])
        [
            Begin, .. Enumerable.Range(0, columns / 2 + (int)(random.NextBits() % (ulong)(columns / 2))).Select(_ => 5 + (int)(random.NextBits() % (Vocabulary - 5))), End,
        ])]);
    }
}
