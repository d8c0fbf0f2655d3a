using System.Text.Json;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Every case of families/wordpiece, with its own vocabulary.</summary>
public sealed class BertWordPieceGoldenTests
{
    private static readonly Lazy<JsonElement> s_cases = new(() => GoldenFiles.Json("families", "wordpiece", "cases.json"));
    private static readonly Lazy<string[]> s_tokens = new(() => WordPieceFiles.Read(GoldenData.Path("families", "wordpiece")));

    public static TheoryData<string, string, bool, bool?, bool> Settings => new()
    {
        { "uncased", "uncased", true, null, true },
        { "uncased_keep_accents", "uncased", true, false, true },
        { "uncased_no_chinese", "uncased", true, null, false },
        { "cased", "cased", false, null, true },
        { "cased_strip_accents", "cased", false, true, true },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void EncodeToIds_EveryText_EqualsTheReference(string setting, string otherwise, bool lowerCase, bool? stripAccents, bool splitChinese)
    {
        BertWordPiece tokenizer = Tokenizer(new BertWordPieceOptions { LowerCase = lowerCase, StripAccents = stripAccents, SplitChinese = splitChinese });
        int count = 0, own = 0;
        foreach (JsonElement entry in s_cases.Value.GetProperty("texts").EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            bool isOwn = entry.TryGetProperty(setting, out JsonElement expected);
            int[] ids = (isOwn ? expected : entry.GetProperty(otherwise)).Ids();
            Assert.True(ids.SequenceEqual(tokenizer.EncodeToIds(text)),
                $"{setting}, {JsonSerializer.Serialize(text)}: expected {string.Join(' ', ids)}, got {string.Join(' ', tokenizer.EncodeToIds(text))}");
            Assert.Equal(ids, tokenizer.EncodeToTokens(text, out _).Select(token => token.Id));
            count++;
            own += isOwn ? 1 : 0;
        }
        Assert.Equal(GoldenFiles.Json("families", "wordpiece", "index.json").GetProperty("n_texts").GetInt32(), count);
        Assert.True(own > 0, $"no case has the setting '{setting}'");
    }

    [Fact]
    public void EncodePair_EveryCase_EqualsTheReference()
    {
        BertWordPiece tokenizer = Tokenizer(new BertWordPieceOptions());
        int count = 0;
        foreach (JsonElement entry in s_cases.Value.GetProperty("pairs").EnumerateArray())
        {
            JsonElement options = entry.GetProperty("options");
            PairEncoding pair = tokenizer.EncodePair(entry.GetProperty("a").GetString()!, entry.GetProperty("b").GetString(),
                options.TryGetProperty("max_length", out JsonElement length) ? length.GetInt32() : null,
                options.TryGetProperty("truncation", out JsonElement cut) && cut.ValueKind == JsonValueKind.String && cut.GetString() == "only_first"
                    ? PairTruncation.OnlyFirst : PairTruncation.LongestFirst,
                pad: options.TryGetProperty("padding", out _));
            Assert.Equal(entry.GetProperty("input_ids").Ids(), pair.Ids);
            Assert.Equal(entry.GetProperty("token_type_ids").Ids(), pair.TypeIds);
            Assert.Equal(entry.GetProperty("attention_mask").Ids(), pair.Attention);
            count++;
        }
        Assert.True(count > 0);
    }

    [Fact]
    public void Decode_EveryCase_EqualsTheReference()
    {
        BertWordPiece tokenizer = Tokenizer(new BertWordPieceOptions());
        int count = 0;
        foreach (JsonElement entry in s_cases.Value.GetProperty("single").EnumerateArray())
        {
            int[] ids = entry.GetProperty("input_ids").Ids();
            Assert.Equal(ids, tokenizer.EncodePair(entry.GetProperty("text").GetString()!).Ids);
            Assert.Equal(entry.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
            Assert.Equal(entry.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(ids, withSpecialTokens: false));
            count++;
        }
        Assert.True(count > 0);
    }

    private static BertWordPiece Tokenizer(BertWordPieceOptions options) => new(s_tokens.Value, options);
}
