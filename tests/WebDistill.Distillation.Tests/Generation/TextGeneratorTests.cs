using TorchSharp;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Generation;

public sealed class TextGeneratorTests
{
    [Fact]
    public void Generate_FillsThePositions_StopsWithTheReason()
    {
        using TextModel model = SmallModels.Random(3);
        var generator = new TextGenerator(model);
        var options = new GenerationOptions { MaxNewTokens = 500, StopAtEndOfText = false };
        // The last token is chosen from position n_positions - 1 and itself needs none.
        Assert.Equal(24 - 4 + 1, generator.Generate([1, 2, 3, 4], options).Count());
        Assert.Equal(StopReason.ContextFull, generator.StopReason);
        Assert.Single(generator.Generate([.. Enumerable.Repeat(1, 24)], options));
    }

    [Fact]
    public void Generate_WithCache_ChoosesWhatAFullPassChooses()
    {
        using TextModel model = SmallModels.Random(3);
        var text = new List<int> { 5, 9 };
        int[] generated = [.. new TextGenerator(model).Generate(
            text, new GenerationOptions { Greedy = true, MaxNewTokens = 15, StopAtEndOfText = false }).Select(token => token.Id)];
        foreach (int id in generated)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            float[] logits = ParameterData.ToArray(model.Logits(
                model.forward(tensor(text.Select(token => (long)token).ToArray(), [1, text.Count])).narrow(1, text.Count - 1, 1)));
            Assert.Equal(Array.IndexOf(logits, logits.Max()), id);
            text.Add(id);
        }
    }

    [Fact]
    public void NextTokens_AfterAPrompt_LikeliestFirstAndTheFirstIsTheGreedyChoice()
    {
        using TextModel model = SmallModels.Random(3);
        var generator = new TextGenerator(model);
        IReadOnlyList<TokenLogit> all = generator.NextTokens([5, 9], 1000);
        Assert.Equal(SmallModels.Vocabulary, all.Select(token => token.Id).Distinct().Count());
        Assert.Equal(all.OrderByDescending(token => token.Logit), all);
        Assert.Equal(all.Take(3), generator.NextTokens([5, 9], 3));
        Assert.Equal(all[0].Id, Assert.Single(generator.Generate([5, 9], new GenerationOptions { Greedy = true, MaxNewTokens = 1 })).Id);
        Assert.Throws<ArgumentException>(() => generator.NextTokens([], 3));
    }

    [Fact]
    public void Generate_RepetitionPenalty_FallsOnPromptAndText()
    {
        using TextModel model = SmallModels.Random(3);
        const double penalty = 1.5;
        var text = new List<int> { 5, 9 };
        int[] generated = [.. new TextGenerator(model).Generate(text, new GenerationOptions
        {
            Greedy = true, MaxNewTokens = 15, StopAtEndOfText = false, RepetitionPenalty = penalty,
        }).Select(token => token.Id)];
        foreach (int id in generated)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            float[] logits = ParameterData.ToArray(model.Logits(
                model.forward(tensor(text.Select(token => (long)token).ToArray(), [1, text.Count])).narrow(1, text.Count - 1, 1)));
            double[] penalised = [.. logits.Select((logit, at) =>
                !text.Contains(at) ? logit : logit > 0 ? logit / penalty : logit * penalty)];
            Assert.Equal(Array.IndexOf(penalised, penalised.Max()), id);
            text.Add(id);
        }
    }

    [Fact]
    public void Generate_StopString_EndsTheTextBeforeIt()
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["one day the boat left"], Gpt2Tokenizer.MinVocabularySize);
        using TextModel model = SmallModels.Random(3, vocabulary: tokenizer.Vocabulary.Size);
        var generator = new TextGenerator(model, tokenizer.Vocabulary);
        var options = new GenerationOptions { Seed = 4, MaxNewTokens = 20, StopAtEndOfText = false };
        GeneratedToken[] whole = [.. generator.Generate([5], options)];
        string text = string.Concat(whole.Select(token => token.Text));
        Assert.Equal(tokenizer.Decode(whole.Select(token => token.Id).Where(id => id != tokenizer.Vocabulary.EndOfTextId)), text);
        Assert.Equal(StopReason.MaxNewTokens, generator.StopReason);

        string stop = text.Substring(text.Length / 2, 2);
        GeneratedToken[] cut = [.. generator.Generate([5], options with { StopStrings = ["never in it", stop] })];
        Assert.Equal(StopReason.StopString, generator.StopReason);
        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], string.Concat(cut.Select(token => token.Text)));
        Assert.Equal(whole[..cut.Length].Select(token => token.Id), cut.Select(token => token.Id));
        // The prompt is not searched.
        GeneratedToken[] promptOnly = [.. generator.Generate(tokenizer.EncodeToIds("never"), options with { StopStrings = ["never"] })];
        Assert.NotEmpty(promptOnly);
        Assert.Equal(StopReason.MaxNewTokens, generator.StopReason);
    }

    [Fact]
    public void Generate_SameSeed_RepeatsItself()
    {
        using TextModel model = SmallModels.Random(3);
        int[] Text(long seed) => [.. new TextGenerator(model).Generate(
            [1], new GenerationOptions { Seed = seed, MaxNewTokens = 20, TopK = 10, TopP = 0.95 }).Select(token => token.Id)];
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));
    }

    [Fact]
    public void Generate_Cancelled_Ends()
    {
        using TextModel model = SmallModels.Random(3);
        using var stop = new CancellationTokenSource();
        int written = 0;
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (GeneratedToken token in new TextGenerator(model).Generate(
                [1], new GenerationOptions { StopAtEndOfText = false }, stop.Token))
            {
                Assert.True(token.SecondsSinceStart >= 0);
                if (++written == 3)
                    stop.Cancel();
            }
        });
        Assert.Equal(3, written);
    }

    [Fact]
    public void Generate_BadInput_IsRefusedBeforeTheFirstToken()
    {
        using TextModel model = SmallModels.Random(3);
        var generator = new TextGenerator(model);
        var options = new GenerationOptions();
        Assert.Contains("empty", Refused([], options));
        Assert.Contains("25 tokens", Refused([.. Enumerable.Repeat(1, 25)], options));
        Assert.Contains("Token id 37", Refused([1, 37], options));
        Assert.Contains("Token id -1", Refused([-1], options));
        Assert.Contains("temperature", Refused([1], options with { Temperature = 0 }));
        Assert.Contains("topP", Refused([1], options with { TopP = 0 }));
        Assert.Contains("maxNewTokens", Refused([1], options with { MaxNewTokens = 1_000_000_000 }));
        Assert.Contains("repetitionPenalty", Refused([1], options with { RepetitionPenalty = 0 }));
        Assert.Contains("at most 4", Refused([1], options with { StopStrings = ["a", "b", "c", "d", "e"] }));
        Assert.Contains("is empty", Refused([1], options with { StopStrings = [""] }));
        Assert.Contains("201 characters", Refused([1], options with { StopStrings = [new string('a', 201)] }));
        Assert.Contains("tokenizer", Refused([1], options with { StopStrings = ["a"] }));

        string Refused(int[] prompt, GenerationOptions bad) =>
            Assert.Throws<ArgumentException>(() => { generator.Generate(prompt, bad); }).Message;
    }
}
