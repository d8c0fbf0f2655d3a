using WebDistill.Distillation.Files;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Tests.Generation;

/// <summary>Against the generator that continues one prompt at a time.</summary>
public sealed class LikeliestTextsTests
{
    [Theory]
    [InlineData(1, 6)]
    [InlineData(12, 100)]
    public void Continue_PromptsOfSeveralLengths_WritesWhatEachAloneWouldGet(int promptTokens, int maxNewTokens)
    {
        int ended = 0;
        for (long seed = 1; seed <= 8; seed++)
        {
            using TextModel model = SmallModels.Random(seed);
            int[][] prompts = [Ids(1, promptTokens), Ids(2, promptTokens), Ids(3, promptTokens + 2), Ids(4, promptTokens)];
            IReadOnlyList<int[]> written = LikeliestTexts.Continue(model, prompts, maxNewTokens, model.Architecture.Positions);
            for (int i = 0; i < prompts.Length; i++)
            {
                var generator = new TextGenerator(model);
                Assert.Equal(generator.Generate(prompts[i], new() { Greedy = true, MaxNewTokens = maxNewTokens }).Select(token => token.Id), written[i]);
                ended += generator.StopReason == StopReason.EndOfText ? 1 : 0;
            }
        }
        // Else nothing is known of a text that ends while its neighbours go on.
        Assert.True(maxNewTokens < 100 || ended > 0);
    }

    [Fact]
    public void Continue_LessRoomThanTheModelHas_EndsThere()
    {
        using TextModel model = SmallModels.Random(3);
        Assert.All(LikeliestTexts.Continue(model, [Ids(1, 5), Ids(2, 9)], 100, 10).Zip([5, 9]), text => Assert.InRange(text.First.Length, 1, 11 - text.Second));
    }

    [Fact]
    public void Continue_Cancelled_Ends()
    {
        using TextModel model = SmallModels.Random(3);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => LikeliestTexts.Continue(model, [[1]], 5, 24, cancelled.Token));
    }

    private static int[] Ids(int seed, int count)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (int)(random.NextDouble() * (SmallModels.Vocabulary - 1)))];
    }
}
