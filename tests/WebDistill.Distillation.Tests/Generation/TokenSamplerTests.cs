using WebDistill.Distillation.Generation;

namespace WebDistill.Distillation.Tests.Generation;

public sealed class TokenSamplerTests
{
    private static readonly float[] s_logits = [0.5f, 2f, -1f, 1.5f, 2f, 0f];

    [Fact]
    public void Choose_Greedy_TakesTheFirstLargest() =>
        Assert.Equal(1, new TokenSampler(new GenerationOptions { Greedy = true }).Choose(s_logits));

    [Theory]
    [InlineData(0, 1.0, 1.0)]
    [InlineData(0, 1.0, 0.5)]
    [InlineData(3, 1.0, 1.0)]
    [InlineData(0, 0.7, 1.0)]
    [InlineData(4, 0.8, 2.0)]
    public void Choose_ManyDraws_FollowTheRestrictedDistribution(int topK, double topP, double temperature)
    {
        double[] expected = Expected(s_logits, topK, topP, temperature);
        var sampler = new TokenSampler(new GenerationOptions { TopK = topK, TopP = topP, Temperature = temperature, Seed = 4 });
        const int draws = 40_000;
        var counts = new int[s_logits.Length];
        for (int i = 0; i < draws; i++)
            counts[sampler.Choose(s_logits)]++;
        for (int i = 0; i < counts.Length; i++)
        {
            if (expected[i] == 0)
                Assert.Equal(0, counts[i]);
            else
                GoldenFiles.AssertNear(
                    expected[i], (double)counts[i] / draws, 0, 5 * Math.Sqrt(expected[i] / draws), $"share of token {i}");
        }
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.9)]
    [InlineData(0.999)]
    public void Choose_TopPOfALargeVocabulary_DrawsFromWhatSortingKeepsAndFromAllOfIt(double topP)
    {
        var random = new Random(7);
        // Ties on purpose: the smaller index is kept.
        float[] logits = [.. Enumerable.Range(0, 300).Select(_ => MathF.Round(4 * random.NextSingle(), 1))];
        double[] expected = Expected(logits, 0, topP, 1);
        var sampler = new TokenSampler(new GenerationOptions { TopP = topP, Seed = 5 });
        var counts = new int[logits.Length];
        // A token of share p stays undrawn with (1 - p)^n: with n = 20 / p of the rarest, any of the 300 at most with 300 e^-20, 6 in 10 million.
        int draws = (int)(20 / expected.Where(share => share > 0).Min());
        for (int i = 0; i < draws; i++)
            counts[sampler.Choose(logits)]++;
        Assert.Equal(expected.Select(share => share > 0), counts.Select(count => count > 0));
    }

    // Seen logits: 2 / 1.6 = 1.25 < 1.5; 2 / 1.3 = 1.54 > 1.5; -1 * 2 = -2 < -1.5; 2 / 0.5 = 4 > 3; 0 stays 0.
    [Theory]
    [InlineData(new[] { 2f, -1f, 1.5f }, 1.6, 0, 2)]
    [InlineData(new[] { 2f, -1f, 1.5f }, 1.3, 0, 0)]
    [InlineData(new[] { -1f, -1.5f }, 2.0, 0, 1)]
    [InlineData(new[] { 3f, 2f }, 0.5, 1, 1)]
    [InlineData(new[] { 0f, -0.5f }, 10.0, 0, 0)]
    public void Choose_RepetitionPenalty_DividesPositiveAndMultipliesNegativeLogits(float[] logits, double penalty, int seen, int chosen)
    {
        float[] before = [.. logits];
        var sampler = new TokenSampler(new GenerationOptions { Greedy = true, RepetitionPenalty = penalty });
        sampler.See(seen);
        Assert.Equal(chosen, sampler.Choose(logits));
        sampler.See(seen); // Twice in the text is penalised once.
        Assert.Equal(chosen, sampler.Choose(logits));
        Assert.Equal(before, logits);
    }

    [Fact]
    public void Choose_RepetitionPenaltyOfOne_ChangesNothing()
    {
        int[] Draws(bool sees)
        {
            var sampler = new TokenSampler(new GenerationOptions { Seed = 3 });
            if (sees)
                sampler.See(1);
            return [.. Enumerable.Range(0, 50).Select(_ => sampler.Choose(s_logits))];
        }
        Assert.Equal(Draws(false), Draws(true));
    }

    [Fact]
    public void Choose_SameSeed_RepeatsItself()
    {
        int[] Draws(long seed)
        {
            var sampler = new TokenSampler(new GenerationOptions { Seed = seed });
            return [.. Enumerable.Range(0, 50).Select(_ => sampler.Choose(s_logits))];
        }
        Assert.Equal(Draws(3), Draws(3));
        Assert.NotEqual(Draws(3), Draws(4));
    }

    [Fact]
    public void Choose_LogitThatIsNotFinite_IsRefused() =>
        Assert.Contains("NaN",
            Assert.Throws<InvalidDataException>(() => new TokenSampler(new GenerationOptions()).Choose([1f, float.NaN])).Message);

    /// <summary>By sorting, which the sampler avoids.</summary>
    private static double[] Expected(float[] logits, int topK, double topP, double temperature)
    {
        int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i)];
        if (topK > 0)
            order = order[..topK];
        double total = order.Sum(i => Math.Exp(logits[i] / temperature)), reached = 0;
        var kept = new List<int>();
        foreach (int i in order)
        {
            if (reached >= topP * total)
                break;
            kept.Add(i);
            reached += Math.Exp(logits[i] / temperature);
        }
        var shares = new double[logits.Length];
        foreach (int i in kept)
            shares[i] = Math.Exp(logits[i] / temperature) / reached;
        return shares;
    }
}
