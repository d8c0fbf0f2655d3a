using System.Text.RegularExpressions;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text.Stories;

public sealed partial class StoryCorpusTests
{
    private static readonly Lazy<string[]> s_corpus = new(() => [.. StoryCorpus.Generate(seed: 1, StoryCorpus.QuickStartStories)]);

    [Fact]
    public void Generate_QuickStartSize_HasThousandsOfDistinctSentences()
    {
        var sentences = new HashSet<string>(s_corpus.Value.SelectMany(story => SentenceEnd().Split(story)), StringComparer.Ordinal);
        Assert.True(sentences.Count >= 5000, $"{sentences.Count} distinct sentences");
        Assert.InRange(s_corpus.Value.Sum(story => story.Length), 1_500_000, 3_000_000);
        Assert.Equal(StoryCorpus.QuickStartStories, s_corpus.Value.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Generate_EveryStory_IsOneParagraphOf60To120Words() =>
        Assert.All(s_corpus.Value, story =>
        {
            Assert.InRange(story.Split(' ').Length, 60, 120);
            Assert.DoesNotContain('\n', story);
        });

    [Fact]
    public void Generate_EveryStory_IsWellFormedEnglish() =>
        Assert.All(s_corpus.Value, story =>
        {
            Assert.DoesNotContain("  ", story);
            Assert.True(story.Count(character => character == '"') % 2 == 0, story);
            Assert.True(story[^1] is '.' or '!' or '?' or '"', story);
            foreach (string sentence in SentenceEnd().Split(story))
                Assert.True(char.IsAsciiLetterUpper(sentence.TrimStart('"')[0]), $"'{sentence}' in: {story}");
            Assert.False(WrongArticle().IsMatch(story), story);
            Assert.All(story, character => Assert.True(char.IsAscii(character), story));
        });

    [Fact]
    public void Generate_MovedThing_EndsWhereItWasPutLast()
    {
        // The answer of the closing question must be a place that was named before: something to keep track of.
        int asked = 0;
        foreach (string story in s_corpus.Value)
        {
            Match question = WhereInTheEnd().Match(story);
            if (!question.Success)
                continue;
            asked++;
            string place = question.Groups["place"].Value;
            Assert.True(story[..question.Index].Contains(place, StringComparison.Ordinal), story);
        }
        Assert.True(asked > 20, $"{asked} stories ask where the thing was");
    }

    [Fact]
    public void Generate_SameSeed_IsTheSameAndABeginning()
    {
        Assert.Equal(StoryCorpus.Generate(7, 50), StoryCorpus.Generate(7, 80).Take(50));
        Assert.NotEqual(StoryCorpus.Generate(7, 50), StoryCorpus.Generate(8, 50));
        Assert.Throws<ArgumentOutOfRangeException>(() => StoryCorpus.Generate(7, -1).Count());
    }

    [Fact]
    public void Generate_EveryPlot_AppearsAndFitsTheLimits()
    {
        Assert.True(StoryCorpus.Plots.Count >= 10);
        foreach (Action<StoryScene> plot in StoryCorpus.Plots)
        {
            var random = new SplittableRandom(5);
            int fitting = Enumerable.Range(0, 200).Count(_ =>
            {
                var scene = new StoryScene(random.Split());
                plot(scene);
                return scene.WordCount is >= StoryCorpus.MinWords and <= StoryCorpus.MaxWords;
            });
            Assert.True(fitting > 140, $"{plot.Method.Name}: {fitting} of 200 fit");
        }
    }

    [GeneratedRegex(@"(?<=[.!?]""?) (?=[""A-Z])")]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"\ba [aeiou]|\ban (?!hour)[^aeiou]")]
    private static partial Regex WrongArticle();

    [GeneratedRegex(@"Where was the [a-z ]+ in the end\? It was (?<place>[a-z ]+)\.")]
    private static partial Regex WhereInTheEnd();
}
