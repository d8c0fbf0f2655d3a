using System.Text;
using System.Text.RegularExpressions;
using WebDistill.Distillation.QuickStart;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed partial class BpeTokenizerTests : IDisposable
{
    private static readonly string[] s_stories = [.. StoryCorpus.Generate(seed: 3, stories: 400)];
    private static readonly BpeTokenizer s_tokenizer = BpeTokenizer.Train(s_stories, 700);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Decode_OfEncodedRandomUnicode_GivesItBack()
    {
        var random = new Random(11);
        for (int round = 0; round < 500; round++)
        {
            string text = RandomText(random, random.Next(0, 200), loneSurrogates: false);
            IReadOnlyList<int> ids = s_tokenizer.EncodeToIds(text);
            Assert.Equal(text, s_tokenizer.Decode(ids));
            var streaming = new StreamingDecoder(s_tokenizer);
            Assert.Equal(text, string.Concat(ids.Select(streaming.Add)) + streaming.Flush());
        }
    }

    [Fact]
    public void EncodeToIds_LoneSurrogates_EncodeAsReplacementCharacters()
    {
        var random = new Random(12);
        for (int round = 0; round < 300; round++)
        {
            string text = RandomText(random, random.Next(0, 60), loneSurrogates: true);
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
            var streaming = new StreamingDecoder(s_tokenizer);
            Assert.Equal(s_tokenizer.Decode(ids), string.Concat(ids.Select(streaming.Add)) + streaming.Flush());
        }
    }

    [Fact]
    public void PreTokenizer_RandomTextOfTheBasicPlane_SplitsLikeTheRegularExpression()
    {
        var random = new Random(14);
        for (int round = 0; round < 2000; round++)
        {
            string text = RandomText(random, random.Next(0, 60), loneSurrogates: false);
            text = string.Concat(text.Where(character => !char.IsSurrogate(character)));
            var pieces = new List<string>();
            for (int start = 0; start < text.Length; start += pieces[^1].Length)
                pieces.Add(text[start..PreTokenizer.End(text, start)]);
            Assert.Equal(Gpt2Pattern().Matches(text).Select(match => match.Value), pieces);
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
        Assert.DoesNotContain(s_tokenizer.EndOfTextId, s_tokenizer.EncodeToIds("a<|endoftext|>b"));
        IReadOnlyList<int> special = s_tokenizer.EncodeToIds("a<|endoftext|><|endoftext|>b", considerSpecialTokens: true);
        Assert.Equal(2, special.Count(id => id == s_tokenizer.EndOfTextId));
        Assert.Equal("a<|endoftext|><|endoftext|>b", s_tokenizer.Decode(special));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(700)]
    public void TokenBytes_IdOutsideTheVocabulary_IsRefused(int id) =>
        Assert.Contains("expected 0 to 699", Assert.Throws<ArgumentOutOfRangeException>(() => s_tokenizer.TokenBytes(id)).Message);

    [Fact]
    public void Save_ThenLoad_IsTheSameTokenizer()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        BpeTokenizer again = BpeTokenizer.Load(_folder.Path);
        Assert.Equal(s_tokenizer.Sha256, again.Sha256);
        Assert.Equal(s_tokenizer.EndOfTextId, again.EndOfTextId);
        Assert.Equal(s_tokenizer.EncodeToIds(s_stories[0]), again.EncodeToIds(s_stories[0]));
        Assert.Equal(["merges.txt", "vocab.json"],
            Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Load_CarriageReturnsInMerges_IsTheSameTokenizer()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        _folder.Write("merges.txt", File.ReadAllText(_folder.File("merges.txt")).Replace("\n", "\r\n"));
        Assert.Equal(s_tokenizer.Sha256, BpeTokenizer.Load(_folder.Path).Sha256);
    }

    [Fact]
    public void Sha256_OneMergeLess_Differs()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        string merges = File.ReadAllText(_folder.File("merges.txt")).TrimEnd('\n');
        _folder.Write("merges.txt", merges[..(merges.LastIndexOf('\n') + 1)]);
        Assert.NotEqual(s_tokenizer.Sha256, BpeTokenizer.Load(_folder.Path).Sha256);
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
        BpeTokenizer.Train(["th th th the then"], 260).Save(_folder.Path, FileLayer.Disk);
        _folder.Write(file, content);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => BpeTokenizer.Load(_folder.Path));
        Assert.Contains(reason, refusal.Message);
        Assert.Contains(_folder.File(file), refusal.Message);
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void Load_MissingFile_IsRefused(string file)
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        File.Delete(_folder.File(file));
        Assert.Contains($"{file} is missing", Assert.Throws<InvalidDataException>(() => BpeTokenizer.Load(_folder.Path)).Message);
    }

    [Fact]
    public void Load_WithoutEndOfText_IsRefused()
    {
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        _folder.Write("vocab.json", File.ReadAllText(_folder.File("vocab.json")).Replace("<|endoftext|>", "<|end|>"));
        Assert.Contains("<|endoftext|> is missing", Assert.Throws<InvalidDataException>(() => BpeTokenizer.Load(_folder.Path)).Message);
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

    private static string RandomText(Random random, int length, bool loneSurrogates)
    {
        string[] frequent = [" ", " ", "  ", "\n", "\t", "'s", "'ll", "'", "the", "a", "12", "½", "é", "\u00A0", "\u2003", "\u001C", "你好",
            "😀", "𝒜𝒷", "𝟘", "\u0301", "...", "ß", "'re"];
        var text = new StringBuilder();
        while (text.Length < length)
        {
            int kind = random.Next(10);
            if (kind < 7)
                text.Append(frequent[random.Next(frequent.Length)]);
            else if (kind < 9)
                text.Append((char)random.Next(0xD800));
            else if (loneSurrogates)
                text.Append((char)random.Next(0xD800, 0xE000));
            else
                text.Append(new Rune(random.Next(0x10000, 0x110000)).ToString());
        }
        return text.ToString();
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2Pattern();
}
