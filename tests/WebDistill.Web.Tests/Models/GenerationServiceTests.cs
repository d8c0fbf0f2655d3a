using WebDistill.Data;
using WebDistill.Distillation.Generation;
using WebDistill.Web.Failures;
using WebDistill.Web.Models;

namespace WebDistill.Web.Tests.Models;

public sealed class GenerationServiceTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private readonly GenerationService _generation = app.Service<GenerationService>();

    [Fact]
    public async Task NextTokens_OfAPrompt_LikeliestFirstAndTheFirstIsWrittenGreedily()
    {
        Model model = await SmallModels.ImportAsync(app, "next", 1);
        IReadOnlyList<NextToken> all = await _generation.NextTokensAsync(model.Id, "One day", int.MaxValue);
        Assert.Equal(model.VocabularySize, all.Select(token => token.Id).Distinct().Count());
        Assert.Equal(all.OrderByDescending(token => token.Logit), all);
        Assert.Equal(all.Take(12), await _generation.NextTokensAsync(model.Id, "One day", 12));
        var greedy = new GenerationOptions { Greedy = true, MaxNewTokens = 1, StopAtEndOfText = false };
        List<int?> written = await _generation.GenerateAsync(model.Id, "One day", greedy).Select(written => written.Id).ToListAsync();
        Assert.Contains(all[0].Id, written);
    }

    [Fact]
    public async Task NextTokens_WithoutTokenizerOrCount_AreRefused()
    {
        Model model = await SmallModels.ImportAsync(app, "bare", 1, withTokenizer: false);
        OptionsInvalidException refused = await Assert.ThrowsAsync<OptionsInvalidException>(
            () => _generation.NextTokensAsync(model.Id, "One day", 12));
        Assert.Contains("vocab.json", Assert.Single(refused.Problems).Message);
        refused = await Assert.ThrowsAsync<OptionsInvalidException>(() => _generation.NextTokensAsync(model.Id, "One day", 0));
        Assert.Equal("count", Assert.Single(refused.Problems).Field);
        await Assert.ThrowsAsync<NotFoundException>(() => _generation.NextTokensAsync(Guid.NewGuid(), "One day", 12));
    }

    [Fact]
    public async Task Generate_ReaderLeavesEarly_EndsAtOnce()
    {
        Model model = await SmallModels.ImportAsync(app, "left early", 1, positions: 4096);
        var options = new GenerationOptions { MaxNewTokens = 4000, StopAtEndOfText = false };
        async Task ReadOneAsync()
        {
            await foreach (GenerationEvent _ in _generation.GenerateAsync(model.Id, "One day", options))
            {
                await Task.Delay(100); // Events pile up behind this one, and are never read.
                break;
            }
        }
        await ReadOneAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Generate_PromptLongerThanTheContext_SaysBothNumbers()
    {
        Model model = await SmallModels.ImportAsync(app, "short", 1, positions: 8);
        string prompt = string.Concat(Enumerable.Repeat("z9", 20));
        OptionsInvalidException refused = await Assert.ThrowsAsync<OptionsInvalidException>(async () =>
            await _generation.GenerateAsync(model.Id, prompt, new GenerationOptions()).ToListAsync());
        string message = Assert.Single(refused.Problems).Message;
        Assert.Equal("The prompt has 40 tokens, the model has 8 positions. Shorten the prompt.", message);
    }
}
