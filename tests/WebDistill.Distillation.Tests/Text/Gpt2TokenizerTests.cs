using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text;

public sealed class Gpt2TokenizerTests : IDisposable
{
    private static readonly string[] s_stories = [.. StoryCorpus.Generate(seed: 3, stories: 400)];
    private static readonly Gpt2Tokenizer s_tokenizer = Gpt2Tokenizer.Train(s_stories, 700);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Decode_OfEncodedRandomUnicode_GivesItBack()
    {
        var random = new Random(11);
        for (int round = 0; round < 500; round++)
        {
            string text = RandomText.Of(random, random.Next(0, 200), loneSurrogates: false);
            IReadOnlyList<int> ids = s_tokenizer.EncodeToIds(text);
            Assert.Equal(text, s_tokenizer.Decode(ids));
            var streaming = new StreamingDecoder(s_tokenizer.Vocabulary);
            Assert.Equal(text, string.Concat(ids.Select(streaming.Add)) + streaming.Flush());
        }
    }

    [Fact]
    public void EncodeToIds_LoneSurrogates_EncodeAsReplacementCharacters()
    {
        var random = new Random(12);
        for (int round = 0; round < 300; round++)
        {
            string text = RandomText.Of(random, random.Next(0, 60), loneSurrogates: true);
            string replaced = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(s_tokenizer.EncodeToIds(replaced), s_tokenizer.EncodeToIds(text));
        }
    }

    [Fact]
    public void StreamingDecoder_RandomIds_GivesTheSameAsDecodingThemTogether()
    {
        var random = new Random(13);
        for (int round = 0; round < 300; round++)
        {
            int[] ids = [.. Enumerable.Range(0, 30).Select(_ => random.Next(256))];
            var streaming = new StreamingDecoder(s_tokenizer.Vocabulary);
            Assert.Equal(s_tokenizer.Decode(ids), string.Concat(ids.Select(streaming.Add)) + streaming.Flush());
        }
    }

    [Fact]
    public void PreTokenizer_RandomTextOfTheBasicPlane_SplitsLikeTheRegularExpression()
    {
        var random = new Random(14);
        for (int round = 0; round < 2000; round++)
        {
            string text = RandomText.OfBasicPlane(random, random.Next(0, 60));
            var pieces = new List<string>();
            for (int start = 0; start < text.Length; start += pieces[^1].Length)
                pieces.Add(text[start..Gpt2PreTokenizer.End(text, start)]);
            Assert.Equal(PackageTokenizers.Gpt2Pattern().Matches(text).Select(match => match.Value), pieces);
        }
    }

    [Fact]
    public void MergeTable_AnyLength_MergesLikePassesOverTheWholeWord()
    {
        // Few symbols and many merges, some of which make pairs of an earlier rank: the order of merging matters.
        var random = new Random(15);
        for (int round = 0; round < 300; round++)
        {
            var merges = new List<Merge>();
            var known = new HashSet<(int, int)>();
            for (int id = 4; id < 20; id++)
                if (random.Next(id) is var left && random.Next(id) is var right && known.Add((left, right)))
                    merges.Add(new Merge(left, right, random.Next(4) == 0 ? random.Next(4, 20) : id));
            var table = new MergeTable(merges);
            foreach (int length in new[] { 0, 1, 2, 7, 47, 48, 49, 50, 200 })
            {
                int[] symbols = [.. Enumerable.Range(0, length).Select(_ => random.Next(4))];
                List<int> expected = MergeInPasses([.. symbols], merges);
                int count = table.Apply(symbols);
                Assert.Equal(expected, symbols.Take(count));
            }
        }
    }

    [Fact]
    public void EncodeTo_FromManyThreads_GivesTheSameIds()
    {
        IReadOnlyList<int>[] expected = [.. s_stories.Select(story => s_tokenizer.EncodeToIds(story))];
        Parallel.For(0, s_stories.Length * 4, index =>
        {
            var ids = new List<int>();
            s_tokenizer.EncodeTo(s_stories[index % s_stories.Length], ids);
            Assert.Equal(expected[index % s_stories.Length], ids);
        });
    }

    [Fact]
    public void EncodeTo_MorePreTokensThanTheCacheHolds_GivesTheSameIds()
    {
        string text = string.Join(' ', Enumerable.Range(0, 70_000));
        IReadOnlyList<int> ids = s_tokenizer.EncodeToIds(text);
        Assert.Equal(text, s_tokenizer.Decode(ids));
        Assert.Equal(ids, s_tokenizer.EncodeToIds(text));
    }

    [Fact]
    public void EncodeToIds_EndOfTextInText_IsTextUnlessAskedFor()
    {
        Assert.DoesNotContain(s_tokenizer.Vocabulary.EndOfTextId, s_tokenizer.EncodeToIds("a<|endoftext|>b"));
        IReadOnlyList<int> special = s_tokenizer.EncodeWithEndOfText("a<|endoftext|><|endoftext|>b");
        Assert.Equal(2, special.Count(id => id == s_tokenizer.Vocabulary.EndOfTextId));
        Assert.Equal("a<|endoftext|><|endoftext|>b", s_tokenizer.Decode(special));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(700)]
    public void TokenBytes_IdOutsideTheVocabulary_IsRefused(int id) =>
        Assert.Contains("expected 0 to 699", Assert.Throws<ArgumentOutOfRangeException>(() => s_tokenizer.Vocabulary.TokenBytes(id)).Message);

    [Fact]
    public void Save_ThenLoad_IsTheSameTokenizer()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        Gpt2Tokenizer again = Gpt2Tokenizer.Load(_folder.Path);
        Assert.Equal(s_tokenizer.Vocabulary.Sha256, again.Vocabulary.Sha256);
        Assert.Equal(s_tokenizer.Vocabulary.EndOfTextId, again.Vocabulary.EndOfTextId);
        Assert.Equal(s_tokenizer.EncodeToIds(s_stories[0]), again.EncodeToIds(s_stories[0]));
        Assert.Equal(["merges.txt", "vocab.json"],
            Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Load_CarriageReturnsInMerges_IsTheSameTokenizer()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        _folder.Write("merges.txt", File.ReadAllText(_folder.File("merges.txt")).Replace("\n", "\r\n"));
        Assert.Equal(s_tokenizer.Vocabulary.Sha256, Gpt2Tokenizer.Load(_folder.Path).Vocabulary.Sha256);
    }

    [Fact]
    public void Load_ByteOrderMarks_AreNoPartOfTheFiles()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        foreach (string name in new[] { "vocab.json", "merges.txt" })
            File.WriteAllBytes(_folder.File(name), [.. Encoding.UTF8.Preamble, .. File.ReadAllBytes(_folder.File(name))]);
        Assert.Equal(s_tokenizer.Vocabulary.Sha256, Gpt2Tokenizer.Load(_folder.Path).Vocabulary.Sha256);
    }

    [Fact]
    public void Sha256_OneMergeLess_Differs()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        string merges = File.ReadAllText(_folder.File("merges.txt")).TrimEnd('\n');
        _folder.Write("merges.txt", merges[..(merges.LastIndexOf('\n') + 1)]);
        Assert.NotEqual(s_tokenizer.Vocabulary.Sha256, Gpt2Tokenizer.Load(_folder.Path).Vocabulary.Sha256);
    }

    [Theory]
    [InlineData("vocab.json", "", "not valid JSON")]
    [InlineData("vocab.json", "[]", "the root is Array; expected an object")]
    [InlineData("vocab.json", """{"a":0,"a":1}""", "'a' occurs twice")]
    [InlineData("vocab.json", """{"a":-1}""", "the id -1; expected a whole number")]
    [InlineData("vocab.json", """{"a":0.5}""", "the id 0.5; expected a whole number")]
    [InlineData("vocab.json", """{"a":"0"}""", "expected a whole number")]
    [InlineData("vocab.json", """{"a":0,"b":2}""", "the id 2; expected ids 0 to 1 without a gap")]
    [InlineData("vocab.json", """{"a":0,"b":0}""", "have the same id 0")]
    [InlineData("vocab.json", """{"a":0,"b c":1}""", "contains U+0020")]
    [InlineData("vocab.json", """{"":0}""", "empty token")]
    [InlineData("vocab.json", """{"a":0}""", "the byte 0 (written 'Ā') has no token")]
    [InlineData("merges.txt", "#version: 0.2\nt h\nxyz\n", "line 3: 'xyz' is not a merge")]
    [InlineData("merges.txt", "#version: 0.2\nt h e\n", "line 2: 't h e' is not a merge")]
    [InlineData("merges.txt", "t  h\n", "line 1: 't  h' is not a merge")]
    [InlineData("merges.txt", "t h\n\nĠ t\n", "line 2: '' is not a merge")]
    [InlineData("merges.txt", "t §§\n", "uses '§§', which vocab.json does not contain")]
    [InlineData("merges.txt", "Q Q\n", "makes 'QQ', which vocab.json does not contain")]
    [InlineData("merges.txt", "t h\nt h\n", "line 2: 't h' occurs twice")]
    [InlineData("merges.txt", "th e\nt h\n", "line 1: 'th e' uses 'th' before any line makes it")]
    public void Load_BadFile_NamesFilePlaceAndExpectation(string file, string content, string reason)
    {
        Gpt2Tokenizer.Train(["th th th the then"], 260).Save(_folder.Path, FileLayer.Disk);
        _folder.Write(file, content);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => Gpt2Tokenizer.Load(_folder.Path));
        Assert.Contains(reason, refusal.Message);
        Assert.StartsWith(file, refusal.Message);
        Assert.DoesNotContain(_folder.Path, refusal.Message);
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void Load_MissingFile_IsRefused(string file)
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        File.Delete(_folder.File(file));
        Assert.Contains($"{file} is missing", Assert.Throws<InvalidDataException>(() => Gpt2Tokenizer.Load(_folder.Path)).Message);
    }

    [Fact]
    public void Load_WithoutEndOfText_IsRefused()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        _folder.Write("vocab.json", File.ReadAllText(_folder.File("vocab.json")).Replace("<|endoftext|>", "<|end|>"));
        Assert.Contains("<|endoftext|> is missing", Assert.Throws<InvalidDataException>(() => Gpt2Tokenizer.Load(_folder.Path)).Message);
    }

    private static List<int> MergeInPasses(List<int> word, List<Merge> merges)
    {
        while (true)
        {
            Merge? best = merges.Cast<Merge?>().FirstOrDefault(merge => Enumerable.Range(0, Math.Max(0, word.Count - 1))
                .Any(index => word[index] == merge!.Value.Left && word[index + 1] == merge.Value.Right));
            if (best is not { } pair)
                return word;
            var merged = new List<int>();
            for (int index = 0; index < word.Count; index++)
                if (index + 1 < word.Count && word[index] == pair.Left && word[index + 1] == pair.Right)
                {
                    merged.Add(pair.Id);
                    index++;
                }
                else
                    merged.Add(word[index]);
            word = merged;
        }
    }
}
