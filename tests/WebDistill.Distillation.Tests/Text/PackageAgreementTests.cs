using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>
/// Our tokenizer and the package's give the same ids. They differ in one thing: the package splits by UTF-16 units, so that a letter or digit
/// beyond the basic plane is none to it. There the reference implementation's golden file decides, and with our pre-tokens the package agrees.
/// </summary>
[Trait("takes", "long")]
public sealed class PackageAgreementTests : IDisposable
{
    private const string Gpt2 = "gpt2-tokenizer/vocab.json";

    /// <summary>Text that is compared with GPT-2's vocabulary, in millions of bytes of UTF-8: WEBDISTILL_TOKENIZER_MEGABYTES, else 3.</summary>
    private static double Megabytes =>
        Environment.GetEnvironmentVariable("WEBDISTILL_TOKENIZER_MEGABYTES") is string text ? double.Parse(text, CultureInfo.InvariantCulture) : 3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EncodeToIds_SmallVocabularies_EqualThePackages()
    {
        foreach (int size in (int[])[257, 300, 700, 1500])
        {
            Gpt2Tokenizer ours = Gpt2Tokenizer.Train(StoryCorpus.Generate(seed: size, stories: 400), size);
            ours.Save(_folder.Path, FileLayer.Disk);
            BpeTokenizer bpe = PackageTokenizers.Bpe(_folder.Path), sameSplit = PackageTokenizers.Bpe(_folder.Path, ours.PreTokenizer);
            TiktokenTokenizer tiktoken = PackageTokenizers.Tiktoken(ours);
            var random = new Random(size);
            foreach (string story in StoryCorpus.Generate(seed: 5, stories: 20))
                AssertSame(story, ours, bpe, sameSplit, tiktoken);
            for (int round = 0; round < 200; round++)
            {
                AssertSame(RandomText.OfBasicPlane(random, random.Next(1, 120)), ours, bpe, sameSplit, tiktoken);
                AssertSame(RandomText.Of(random, random.Next(1, 120), loneSurrogates: false), ours, sameSplit, tiktoken);
            }
        }
    }

    [DataFact(Gpt2)]
    public void EncodeToIds_RealAndGeneratedText_EqualsThePackages()
    {
        Gpt2Tokenizer ours = Gpt2Tokenizer.Load(GoldenData.Gpt2VocabularyFolder);
        BpeTokenizer sameSplit = PackageTokenizers.Bpe(GoldenData.Gpt2VocabularyFolder, ours.PreTokenizer);
        BpeTokenizer bpe = PackageTokenizers.Bpe(GoldenData.Gpt2VocabularyFolder);
        long compared = 0;
        foreach (string text in Texts((long)(Megabytes * 1e6)))
        {
            AssertSame(text, ours, text.Any(char.IsSurrogate) ? sameSplit : bpe);
            compared += Encoding.UTF8.GetByteCount(text);
        }
        Assert.True(compared >= Megabytes * 1e6, $"{compared} bytes were compared");
    }

    [DataFact(Gpt2)]
    public void EncodeToIds_GoldenCases_PackageDiffersOnAstralLettersAndTheReferenceDecides()
    {
        Gpt2Tokenizer ours = Gpt2Tokenizer.Load(GoldenData.Gpt2VocabularyFolder);
        BpeTokenizer bpe = PackageTokenizers.Bpe(GoldenData.Gpt2VocabularyFolder);
        BpeTokenizer sameSplit = PackageTokenizers.Bpe(GoldenData.Gpt2VocabularyFolder, ours.PreTokenizer);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(GoldenData.Path("tokenizer_cases.json")));
        var different = new List<string>();
        foreach (JsonElement entry in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            int[] reference = [.. entry.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(reference, ours.EncodeToIds(text));
            Assert.Equal(reference, sameSplit.EncodeToIds(text));
            if (!reference.SequenceEqual(bpe.EncodeToIds(text)))
                different.Add(text);
        }
        Assert.Equal(2, different.Count);
        Assert.All(different, text => Assert.Contains(text.EnumerateRunes(), rune => !rune.IsBmp && Rune.IsLetter(rune)));
    }

    private static void AssertSame(string text, Gpt2Tokenizer ours, params Tokenizer[] others)
    {
        IReadOnlyList<int> ids = ours.EncodeToIds(text);
        foreach (Tokenizer other in others)
        {
            if (!ids.SequenceEqual(other.EncodeToIds(text)))
                Assert.Fail($"{other.GetType().Name} makes {string.Join(' ', other.EncodeToIds(text))} of {JsonSerializer.Serialize(text)}, "
                    + $"ours {string.Join(' ', ids)}");
            if (text != other.Decode(ids))
                Assert.Fail($"{other.GetType().Name} decodes the ids of {JsonSerializer.Serialize(text)} otherwise");
        }
    }

    /// <summary>Passages of the real texts, each followed by a generated one: shuffled words of it with random characters, of all planes
    /// in every fourth and of the basic one in the others. Where the real texts end, only generated ones follow.</summary>
    private static IEnumerable<string> Texts(long bytes)
    {
        string[] files = ["warandpeace/warandpeace.txt", "tinyshakespeare/input.txt", "wikitext-2-raw/wiki.test.raw", "web-sample/wiki_demo.txt",
            "web-sample/c4_demo.jsonl", "commongen/commongen.train.tgt.txt", "lambada/lambada_test.jsonl"];
        string[] passages = [.. files.Select(file => Path.Combine(GoldenData.DataFolder, file)).Where(File.Exists)
            .SelectMany(file => File.ReadLines(file).Chunk(40)).Select(lines => string.Join('\n', lines))];
        var random = new Random(17);
        random.Shuffle(passages);
        for (int i = 0; bytes > 0; i++)
        {
            string passage = passages[i % passages.Length];
            if (i < passages.Length)
            {
                yield return passage;
                bytes -= Encoding.UTF8.GetByteCount(passage);
            }
            string[] words = passage.Split(' ');
            random.Shuffle(words);
            bool allPlanes = i % 4 == 3;
            string generated = string.Join(' ', words.Select(word => random.Next(8) > 0 ? word
                : word + (allPlanes ? RandomText.Of(random, random.Next(1, 6), loneSurrogates: false) : RandomText.OfBasicPlane(random, random.Next(1, 6)))));
            yield return generated;
            bytes -= Encoding.UTF8.GetByteCount(generated);
        }
    }
}
