using System.Buffers;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed class BertWordPieceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Pieces(BertWordPiece tokenizer, string text) => string.Join(' ', tokenizer.EncodeToTokens(text, out _).Select(token => token.Value));

    [Theory]
    [InlineData("The CATS saw.", "the cat ##s saw .")]
    [InlineData("the\uFFFEcat", "[UNK]")]                       // a noncharacter is not assigned and left out: one word
    [InlineData("the\uFFFE cat", "the cat")]
    [InlineData("a\uD83D b\uDE00", "a [UNK]")]                  // halves of a pair are left out
    [InlineData("[MASK]cat[mask]", "[MASK] cat [UNK] [UNK] [UNK]")]
    [InlineData("[MA\u200BSK]", "[UNK] [UNK] [UNK]")]           // lower case: no special token once the invisible space is gone
    [InlineData("x[SEP][SEP]", "[UNK] [SEP] [SEP]")]
    public void EncodeToTokens_LowerCase(string text, string pieces) => Assert.Equal(pieces, Pieces(WordPieces.Create(), text));

    [Theory]
    [InlineData("[MA\u200BSK] cat", "[MASK] cat")]              // with case kept it is one, if it is a word by itself
    [InlineData("[MA\u200BSK]cat", "[UNK] [UNK] [UNK] cat")]
    [InlineData("The cat", "[UNK] cat")]
    public void EncodeToTokens_CaseKept(string text, string pieces) => Assert.Equal(pieces, Pieces(WordPieces.Create(new() { LowerCase = false }), text));

    [Fact]
    public void EncodeToTokens_Ranges_AreThePartsOfTheTextThatTokensStandFor()
    {
        const string text = " The  ca\u0301ts[MASK]unwanted\u00AD! qqq 中e";
        IReadOnlyList<EncodedToken> tokens = WordPieces.Create().EncodeToTokens(text, out _);
        Assert.Equal(["The", "ca\u0301t", "s", "[MASK]", "un", "want", "ed", "!", "qqq", "中", "e"], tokens.Select(token => text[token.Offset]));
    }

    [Fact]
    public void EncodeToIds_WithALimit_StopsThereAndSaysHowFarItCame()
    {
        BertWordPiece tokenizer = WordPieces.Create();
        const string text = "the cats saw a dog";
        IReadOnlyList<int> ids = tokenizer.EncodeToIds(text, 3, out _, out int consumed);
        Assert.Equal(["the", "cat", "##s"], ids.Select(id => WordPieces.Tokens[id]));
        Assert.Equal("the cats".Length, consumed);
        Assert.Equal(6, tokenizer.CountTokens(text));
        Assert.Equal("the cats".Length, tokenizer.GetIndexByTokenCount(text, 3, out _, out int count));
        Assert.Equal(3, count);
        Assert.Equal("the cats saw ".Length, tokenizer.GetIndexByTokenCountFromEnd(text, 2, out _, out count));
        Assert.Equal(2, count);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.EncodeToIds(text, 0, out _, out _));
    }

    [Fact]
    public void EncodeToIds_FromManyThreads_IsTheSame()
    {
        BertWordPiece tokenizer = WordPieces.Create();
        string[] texts = [.. Enumerable.Range(0, 200).Select(i => string.Join(' ', Enumerable.Repeat(i % 2 == 0 ? "the cats saw!" : "unwanted é running 中", i)))];
        int[][] expected = [.. texts.Select(text => tokenizer.EncodeToIds(text).ToArray())];
        Parallel.For(0, texts.Length, i => Assert.Equal(expected[i], tokenizer.EncodeToIds(texts[i])));
    }

    /// <summary>The package's WordPiece cuts the same words in the same way; what is a word is ours.</summary>
    [Fact]
    public void EncodeToIds_WordsThatNeedNoCleaning_AreThePackages()
    {
        string[] tokens = File.ReadAllLines(GoldenData.Path("families", "wordpiece", "vocab.txt"));
        var ours = new BertWordPiece(tokens, new BertWordPieceOptions());
        var package = WordPieceTokenizer.Create(GoldenData.Path("families", "wordpiece", "vocab.txt"));
        var random = new SeededRandom(5);
        string[] parts = [.. tokens.Select(token => token.TrimStart('#')).Where(part => part.Length > 0 && part.All(char.IsAsciiLetterLower))];
        for (int i = 0; i < 3000; i++)
        {
            string word = string.Concat(Enumerable.Range(0, 1 + (int)(random.NextBits() % 5)).Select(_ => parts[random.NextBits() % (ulong)parts.Length]));
            Assert.Equal(package.EncodeToIds(word), ours.EncodeToIds(word));
        }
    }

    [Fact]
    public void Decode_IntoASpan_WritesWhatHasRoom()
    {
        BertWordPiece tokenizer = WordPieces.Create();
        int[] ids = [.. tokenizer.EncodeToIds("the cats saw.")];
        Span<char> room = new char[100];
        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, room, out int consumed, out int written));
        Assert.Equal((ids.Length, "the cats saw."), (consumed, room[..written].ToString()));
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, room[..8], out consumed, out written));
        Assert.Equal((3, "the cats"), (consumed, room[..written].ToString()));
        Assert.Equal(OperationStatus.InvalidData, tokenizer.Decode([5, 999], room, out consumed, out written));
        Assert.Equal((1, "the"), (consumed, room[..written].ToString()));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([999]));
    }

    [Theory]
    [InlineData(2, false, PairTruncation.LongestFirst, "expected at least 3")]
    [InlineData(5, false, PairTruncation.OnlyFirst, "the second one's 3, which are not cut")]
    [InlineData(null, true, PairTruncation.LongestFirst, "Padding is asked for without a length")]
    public void EncodePair_ThatCannotBe_IsRefused(int? length, bool pad, PairTruncation truncation, string said) => Assert.Contains(said,
        Assert.Throws<ArgumentException>(() => WordPieces.Create().EncodePair("the cat", "a dog saw", length, truncation, pad)).Message);

    [Fact]
    public void Save_LoadsBackEqual_WithItsSettings()
    {
        var options = new BertWordPieceOptions { LowerCase = false, StripAccents = true, SplitChinese = false, HuggingFaceClass = "DistilBertTokenizer" };
        BertWordPiece saved = WordPieces.Create(options);
        saved.Save(_folder.Path, FileLayer.Disk);
        Assert.Equal(["special_tokens_map.json", "tokenizer_config.json", "vocab.txt"],
            Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        BertWordPiece again = BertWordPiece.Load(_folder.Path);
        Assert.Equal((options, saved.Vocabulary.Sha256, saved.Vocabulary.Roles), (again.Options, again.Vocabulary.Sha256, again.Vocabulary.Roles));
        Assert.Equal(WordPieces.Tokens, File.ReadAllLines(_folder.File("vocab.txt")));
    }

    [Fact]
    public void Hash_OfAnotherSetting_IsAnother()
    {
        BertWordPieceOptions[] all =
        [
            new(), new() { LowerCase = false }, new() { StripAccents = false }, new() { SplitChinese = false }, new() { Mask = "cat" }, new() { Classification = "[SEP]", Separator = "[CLS]" },
        ];
        Assert.Equal(all.Length, all.Select(options => WordPieces.Create(options).Vocabulary.Sha256).Distinct().Count());
        // What BERT does anyhow, and what says nothing of how text is read.
        Assert.Equal(WordPieces.Create().Vocabulary.Sha256, WordPieces.Create(new() { StripAccents = true, HuggingFaceClass = "DistilBertTokenizer" }).Vocabulary.Sha256);
    }

    [Fact]
    public void Vocabulary_HasRolesAndWhatEachTokenAdds()
    {
        Vocabulary vocabulary = WordPieces.Create().Vocabulary;
        Assert.Equal(new TokenRoles(2, 3, 0, 1, 4), vocabulary.Roles);
        Assert.True(vocabulary.Roles.BeginsDocuments);
        Assert.Equal((" cat", "s", " [SEP]"), (vocabulary.TokenText(6), vocabulary.TokenText(7), vocabulary.TokenText(3)));
    }
}
