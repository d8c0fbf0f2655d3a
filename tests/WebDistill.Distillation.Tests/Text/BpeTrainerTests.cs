using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text;

public sealed class BpeTrainerTests
{
    [Fact]
    public void Train_SmallText_MergesTheMostFrequentPairsFirst()
    {
        // "lo" occurs 5 times, more than any other pair; then "low" with 4.
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["low", "low", "low", "low", "lot"], 259);
        Assert.Equal("lo", tokenizer.Vocabulary.TokenText(256));
        Assert.Equal("low", tokenizer.Vocabulary.TokenText(257));
        Assert.Equal(258, tokenizer.Vocabulary.EndOfTextId);
        Assert.Equal("<|endoftext|>", tokenizer.Vocabulary.TokenText(258));
    }

    [Theory]
    [InlineData(300)]
    [InlineData(420)]
    public void Train_Stories_LearnsWhatCountingAfreshForEveryMergeLearns(int vocabularySize)
    {
        string[] stories = [.. StoryCorpus.Generate(seed: 2, stories: 20)];
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(stories, vocabularySize);
        Assert.Equal(vocabularySize, tokenizer.Vocabulary.Size);
        int id = 256;
        foreach (string expected in TrainByRecounting(stories, vocabularySize - 257))
            Assert.Equal(expected, tokenizer.Vocabulary.TokenText(id++));
        foreach (string story in stories)
            Assert.Equal(story, tokenizer.Decode(tokenizer.EncodeToIds(story)));
    }

    [Fact]
    public void Train_Twice_IsTheSameTokenizer()
    {
        string[] stories = [.. StoryCorpus.Generate(seed: 2, stories: 200)];
        Assert.Equal(Gpt2Tokenizer.Train(stories, 600).Vocabulary.Sha256, Gpt2Tokenizer.Train(stories, 600).Vocabulary.Sha256);
    }

    [Fact]
    public void Train_QuickStart_ReachesItsVocabularyWithAboutOneTokenPerWord()
    {
        string[] stories = [.. StoryCorpus.Generate(seed: 1, StoryCorpus.QuickStartStories)];
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(stories, StoryCorpus.QuickStartVocabularySize);
        double tokensPerStory = stories.Take(200).Average(story => tokenizer.CountTokens(story));
        Assert.InRange(tokensPerStory, 90, 135);
    }

    [Fact]
    public void Train_MinimalVocabulary_IsBytesAndEndOfText()
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train([], Gpt2Tokenizer.MinVocabularySize);
        Assert.Equal(257, tokenizer.Vocabulary.Size);
        Assert.Equal(256, tokenizer.Vocabulary.EndOfTextId);
        Assert.Equal(4, tokenizer.CountTokens("aé!"));
    }

    [Fact]
    public void Train_VocabularyTooSmall_IsRefused() =>
        Assert.Contains("expected at least 257", Assert.Throws<ArgumentOutOfRangeException>(() => Gpt2Tokenizer.Train(["a"], 256)).Message);

    [Theory]
    [InlineData("", 258)]
    [InlineData("abc", 258)]
    [InlineData("low low low", 300)]
    public void Train_TextTooSmall_SaysHowLargeTheVocabularyCanBe(string text, int vocabularySize)
    {
        string message = Assert.Throws<InvalidDataException>(() => Gpt2Tokenizer.Train([text], vocabularySize)).Message;
        int possible = int.Parse(message.Split("at most ")[1].TrimEnd('.'), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(possible, Gpt2Tokenizer.Train([text], possible).Vocabulary.Size);
        Assert.Throws<InvalidDataException>(() => Gpt2Tokenizer.Train([text], possible + 1));
    }

    [Fact]
    public void Train_Cancelled_Stops() =>
        Assert.ThrowsAny<OperationCanceledException>(() => Gpt2Tokenizer.Train(["a b"], 257 + 1, progress: null,
            new CancellationToken(canceled: true)));

    [Fact]
    public void Train_Progress_RisesToOne()
    {
        var reports = new List<double>();
        Gpt2Tokenizer.Train(StoryCorpus.Generate(1, 20), 300, new Recorder(reports));
        Assert.Equal(43, reports.Count);
        Assert.Equal(reports.Order(), reports);
        Assert.Equal(1, reports[^1]);
    }

    /// <summary>The plain algorithm: count every pair of every word again for each merge.</summary>
    private static List<string> TrainByRecounting(string[] documents, int merges)
    {
        var words = new List<List<int>>();
        var idOfByte = ByteAlphabet.Order.Select((value, id) => (value, id)).ToDictionary(pair => pair.value, pair => pair.id);
        foreach (string document in documents)
            for (int start = 0; start < document.Length;)
            {
                int end = Gpt2PreTokenizer.End(document, start);
                words.Add([.. System.Text.Encoding.UTF8.GetBytes(document[start..end]).Select(value => idOfByte[value])]);
                start = end;
            }
        List<string> tokens = [.. ByteAlphabet.Order.Select(value => ((char)value).ToString())];
        while (tokens.Count < 256 + merges)
        {
            var counts = new Dictionary<(int Left, int Right), int>();
            foreach (List<int> word in words)
                for (int i = 0; i + 1 < word.Count; i++)
                    counts[(word[i], word[i + 1])] = counts.GetValueOrDefault((word[i], word[i + 1])) + 1;
            (int left, int right) = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.Left).ThenBy(pair =>
                pair.Key.Right).First().Key;
            foreach (List<int> word in words)
                for (int i = 0; i + 1 < word.Count; i++)
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] = tokens.Count;
                        word.RemoveAt(i + 1);
                    }
            tokens.Add(tokens[left] + tokens[right]);
        }
        return tokens[256..];
    }

    private sealed class Recorder(List<double> reports) : IProgress<double>
    {
        public void Report(double value) => reports.Add(value);
    }
}
