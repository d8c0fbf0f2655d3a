using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Every member that Microsoft.ML.Tokenizers' abstract Tokenizer promises, on ours: beside its definition and the package's tiktoken.</summary>
public sealed class Gpt2TokenizerMembersTests
{
    private static readonly Gpt2Tokenizer s_ours = Gpt2Tokenizer.Train(StoryCorpus.Generate(seed: 3, stories: 400), 700);
    private static readonly TiktokenTokenizer s_tiktoken = PackageTokenizers.Tiktoken(s_ours);

    private readonly Random _random = new(21);

    [Fact]
    public void EncodeToTokens_AnyText_CoversTheCharactersWhoseBytesATokenHolds()
    {
        for (int round = 0; round < 500; round++)
        {
            string text = RandomText.Of(_random, _random.Next(0, 80), loneSurrogates: true);
            // For each byte of the text the character that it belongs to.
            var characters = new List<(int Start, int End)>();
            for (int start = 0, width; start < text.Length; start += width)
            {
                width = char.IsSurrogatePair(text, start) ? 2 : 1;
                for (int i = Encoding.UTF8.GetByteCount(text.AsSpan(start, width)); i > 0; i--)
                    characters.Add((start, start + width));
            }
            IReadOnlyList<EncodedToken> tokens = s_ours.EncodeToTokens(text, out string? normalized);
            Assert.Null(normalized);
            Assert.Equal(s_ours.EncodeToIds(text), tokens.Select(token => token.Id));
            int bytes = 0;
            foreach (EncodedToken token in tokens)
            {
                int length = s_ours.Vocabulary.TokenBytes(token.Id).Length;
                Assert.Equal(characters[bytes].Start..characters[bytes + length - 1].End, token.Offset);
                Assert.Equal(text[token.Offset], token.Value);
                bytes += length;
            }
            Assert.Equal(characters.Count, bytes);
        }
    }

    [Fact]
    public void EncodeToTokens_TextOfTheBasicPlane_EqualsThePackages()
    {
        for (int round = 0; round < 300; round++)
        {
            string text = RandomText.OfBasicPlane(_random, _random.Next(0, 80));
            Assert.Equal(
                s_tiktoken.EncodeToTokens(text, out _).Select(token => (token.Id, token.Value, token.Offset)),
                s_ours.EncodeToTokens(text, out _).Select(token => (token.Id, token.Value, token.Offset)));
        }
    }

    [Fact]
    public void LimitedCalls_TextOfTheBasicPlane_EqualThePackages()
    {
        for (int round = 0; round < 300; round++)
        {
            string text = RandomText.OfBasicPlane(_random, _random.Next(1, 40));
            for (int most = 1; most < s_ours.CountTokens(text) + 2; most++)
            {
                Assert.Equal(s_tiktoken.EncodeToIds(text, most, out _, out int theirs), s_ours.EncodeToIds(text, most, out string? normalized, out int consumed));
                Assert.Null(normalized);
                Assert.Equal(theirs, consumed);
                Assert.Equal(s_tiktoken.GetIndexByTokenCount(text, most, out _, out int theirCount), s_ours.GetIndexByTokenCount(text, most, out _, out int count));
                Assert.Equal(theirCount, count);
                Assert.Equal(
                    s_tiktoken.GetIndexByTokenCountFromEnd(text, most, out _, out theirCount), s_ours.GetIndexByTokenCountFromEnd(text, most, out _, out count));
                Assert.Equal(theirCount, count);
            }
        }
    }

    [Fact]
    public void LimitedCalls_AnyText_TakeTheMostTokensThatEndWithACharacter()
    {
        for (int round = 0; round < 200; round++)
        {
            string text = RandomText.Of(_random, _random.Next(1, 30), loneSurrogates: true);
            IReadOnlyList<EncodedToken> tokens = s_ours.EncodeToTokens(text, out _);
            // A text can be cut before a token that begins where the one before it ends.
            int[] cuts = [.. Enumerable.Range(0, tokens.Count + 1).Where(i => i == 0 || i == tokens.Count
                || tokens[i].Offset.Start.Value == tokens[i - 1].Offset.End.Value)];
            int At(int cut) => cut == tokens.Count ? text.Length : tokens[cut].Offset.Start.Value;
            for (int most = 1; most <= tokens.Count + 1; most++)
            {
                int first = cuts.Last(cut => cut <= most), last = cuts.First(cut => tokens.Count - cut <= most);
                IReadOnlyList<int> ids = s_ours.EncodeToIds(text.AsSpan(), most, out _, out int consumed);
                Assert.Equal((first, At(first)), (ids.Count, consumed));
                Assert.Equal(tokens.Take(first).Select(token => token.Id), ids);
                Assert.Equal((At(first), first), (s_ours.GetIndexByTokenCount(text.AsSpan(), most, out _, out int count), count));
                Assert.Equal((At(last), tokens.Count - last), (s_ours.GetIndexByTokenCountFromEnd(text.AsSpan(), most, out _, out count), count));
            }
        }
    }

    [Fact]
    public void LimitedCalls_LessThanOneToken_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => s_ours.EncodeToIds("a", 0, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_ours.GetIndexByTokenCount("a", 0, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_ours.GetIndexByTokenCountFromEnd("a", 0, out _, out _));
    }

    [Fact]
    public void EncodeToIds_WithoutPreTokenization_MergesAcrossPreTokens()
    {
        using var folder = new TemporaryFolder();
        // Single bytes and merges that no pre-token holds: a letter and the space after it.
        Merge[] merges = [new(Id('a'), Id(' '), 256), new(256, Id('b'), 257)];
        var tokens = Enumerable.Range(0, 256).Select(value => new[] { (byte)value }).Append("a "u8.ToArray()).Append("a b"u8.ToArray())
            .Append(Encoding.ASCII.GetBytes(Gpt2Tokenizer.EndOfText)).ToArray();
        var tokenizer = new Gpt2Tokenizer(tokens, merges, 258);
        Assert.Equal([Id('a'), Id(' '), Id('b')], tokenizer.EncodeToIds("a b"));
        Assert.Equal([257, 257], tokenizer.EncodeToIds("a ba b", considerPreTokenization: false));
        Assert.Equal(2, tokenizer.CountTokens("a ba b", considerPreTokenization: false));
        Assert.Equal([(257, 0..3), (257, 3..6)],
            tokenizer.EncodeToTokens("a ba b", out _, considerPreTokenization: false).Select(token => (token.Id, token.Offset)));
        tokenizer.Save(folder.Path, FileLayer.Disk);
        BpeTokenizer package = PackageTokenizers.Bpe(folder.Path);
        for (int round = 0; round < 200; round++)
        {
            string text = RandomText.OfBasicPlane(_random, _random.Next(1, 40)) + " a ba b";
            Assert.Equal(package.EncodeToIds(text, considerPreTokenization: false), tokenizer.EncodeToIds(text, considerPreTokenization: false));
        }

        static int Id(char character) => character;
    }

    [Fact]
    public void EncodeToIds_Normalization_ChangesNothing()
    {
        const string text = "e\u0301 ﬁ Å\u00A0";
        Assert.Null(s_ours.Normalizer);
        Assert.Equal(s_ours.EncodeToIds(text), s_ours.EncodeToIds(text, considerNormalization: false));
        Assert.Equal(text, s_ours.Decode(s_ours.EncodeToIds(text)));
    }

    [Fact]
    public void Calls_OfEmptyText_GiveNothing()
    {
        Assert.Empty(s_ours.EncodeToIds(""));
        Assert.Empty(s_ours.EncodeToTokens("", out _));
        Assert.Equal(0, s_ours.CountTokens(""));
        Assert.Equal(0, s_ours.GetIndexByTokenCount("", 5, out _, out int count));
        Assert.Equal(0, s_ours.GetIndexByTokenCountFromEnd("", 5, out _, out int fromEnd));
        Assert.Equal((0, 0), (count, fromEnd));
    }

    [Fact]
    public void PreTokenizer_StringAndSpan_GiveThePreTokens()
    {
        string text = RandomText.Of(_random, 500, loneSurrogates: true);
        (int Offset, int Length)[] ofString = [.. s_ours.PreTokenizer.PreTokenize(text)];
        Assert.Equal(ofString, s_ours.PreTokenizer.PreTokenize(text.AsSpan()));
        Assert.Equal(text, string.Concat(ofString.Select(preToken => text.Substring(preToken.Offset, preToken.Length))));
        Assert.Equal(s_ours.EncodeToIds(text), ofString.SelectMany(preToken => s_ours.EncodeToIds(text.AsSpan(preToken.Offset, preToken.Length))));
    }

    [Fact]
    public void DecodeIntoSpan_AnyRoom_WritesWholeTokensAndSaysWhatIsLeft()
    {
        for (int round = 0; round < 200; round++)
        {
            string text = RandomText.Of(_random, _random.Next(1, 30), loneSurrogates: false);
            IReadOnlyList<int> ids = s_ours.EncodeToIds(text);
            for (int room = 0; room <= text.Length + 1; room++)
            {
                var destination = new char[room];
                OperationStatus status = s_ours.Decode(ids, destination, out int consumed, out int written);
                Assert.Equal(room < text.Length ? OperationStatus.DestinationTooSmall : OperationStatus.Done, status);
                Assert.Equal(s_ours.Decode(ids.Take(consumed)), new string(destination, 0, written));
                Assert.StartsWith(new string(destination, 0, written), text, StringComparison.Ordinal);
                if (status == OperationStatus.Done)
                    Assert.Equal((ids.Count, text.Length), (consumed, written));
                else
                {
                    // What could have been taken in addition does not fit.
                    int next = Enumerable.Range(consumed + 1, ids.Count - consumed).First(count => text.StartsWith(s_ours.Decode(ids.Take(count)), StringComparison.Ordinal));
                    Assert.True(s_ours.Decode(ids.Take(next)).Length > room);
                }
            }
        }
    }

    [Fact]
    public void DecodeIntoSpan_UnfinishedUnknownOrIllFormed_SaysWhich()
    {
        var destination = new char[10];
        int[] euro = [.. "€"u8.ToArray().Select(IdOf)];
        Assert.Equal(OperationStatus.NeedMoreData, s_ours.Decode([IdOf((byte)'x'), euro[0], euro[1]], destination, out int consumed, out int written));
        Assert.Equal((1, 1, 'x'), (consumed, written, destination[0]));
        Assert.Equal(OperationStatus.InvalidData, s_ours.Decode([IdOf((byte)'x'), 700], destination, out consumed, out written));
        Assert.Equal((1, 1), (consumed, written));
        Assert.Equal(OperationStatus.Done, s_ours.Decode([euro[1], IdOf((byte)'y')], destination, out consumed, out written));
        Assert.Equal("\uFFFDy", new string(destination, 0, written));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_ours.Decode([700]));
    }

    private static int IdOf(byte value) => Enumerable.Range(0, s_ours.Vocabulary.Size).First(id => s_ours.Vocabulary.TokenBytes(id).Span is [var one] && one == value);
}
