using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed class WordPieceFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Words(params string[] more) => string.Join('\n', ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. more]);

    [Theory]
    [InlineData("", "vocab.txt: 0 tokens; expected one a line")]
    [InlineData("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncat\ndog\ncat\n", "vocab.txt, line 8: the token 'cat' stands in line 6 already; expected every token once")]
    [InlineData("[PAD]\n[UNK]\n\n[CLS]\n", "vocab.txt, line 3: it is empty")]
    [InlineData("[PAD]\n[CLS]\n[SEP]\n[MASK]\ncat\n", "vocab.txt: the token '[UNK]' (unk_token) is missing; expected it beside the other 5 tokens")]
    [InlineData("[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\n", "vocab.txt: the token '[MASK]' (mask_token) is missing")]
    [InlineData("[UNK]\n[CLS]\n[SEP]\n[MASK]\n", "'[PAD]' (pad_token) is missing")]
    public void Load_VocabularyThatIsNone_SaysWhatWasExpected(string content, string said)
    {
        _folder.Write("vocab.txt", content);
        Refused(said);
    }

    [Fact]
    public void Load_BytesThatAreNoText_AreRefusedByTheirPlace()
    {
        _folder.Write("vocab.txt", [.. Encoding.UTF8.GetBytes("[PAD]\nca"), 0xE9, .. "\n"u8]);
        Refused("vocab.txt: byte 8 is 0xE9, which is not valid UTF-8; expected UTF-8 text. Convert the file to UTF-8.");
        _folder.Write("vocab.txt", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("[PAD]")).ToArray());
        Refused("UTF-16 byte-order mark; expected UTF-8");
        File.Delete(_folder.File("vocab.txt"));
        Refused("vocab.txt is missing");
    }

    [Fact]
    public void Load_MarkAndWindowsLineEnds_AreNoPartOfTokens()
    {
        _folder.Write("vocab.txt", "\uFEFF" + Words("cat").Replace("\n", "\r\n", StringComparison.Ordinal) + "\r\n");
        Assert.Equal([5], BertWordPiece.Load(_folder.Path).EncodeToIds("cat"));
    }

    [Theory]
    [InlineData("{\"do_lower_case\": false}", false, false, true)]
    [InlineData("{\"do_lower_case\": true, \"strip_accents\": false, \"tokenize_chinese_chars\": false}", true, false, false)]
    [InlineData("{\"do_lower_case\": true, \"strip_accents\": null, \"tokenizer_class\": \"DistilBertTokenizerFast\", \"model_max_length\": 512, \"never_split\": null}", true, true, true)]
    [InlineData("{}", true, true, true)]
    public void Load_Settings_AreTaken(string json, bool lowerCase, bool leavesOutAccents, bool splitChinese)
    {
        _folder.Write("vocab.txt", Words());
        _folder.Write("tokenizer_config.json", json);
        BertWordPieceOptions options = BertWordPiece.Load(_folder.Path).Options;
        Assert.Equal((lowerCase, leavesOutAccents, splitChinese), (options.LowerCase, options.LeavesOutAccents, options.SplitChinese));
    }

    [Theory]
    [InlineData("DistilBertTokenizerFast", "DistilBertTokenizer")]
    [InlineData("BertTokenizer", "BertTokenizer")]
    [InlineData("PreTrainedTokenizerFast", "BertTokenizer")]
    public void Load_ClassOfTheReader_IsWrittenBack(string given, string written)
    {
        _folder.Write("vocab.txt", Words());
        _folder.Write("tokenizer_config.json", $"{{\"tokenizer_class\": \"{given}\"}}");
        BertWordPiece.Load(_folder.Path).Save(_folder.Path, FileLayer.Disk);
        Assert.Equal(written, TokenizerKinds.Describe(_folder.Path).HuggingFaceClass);
        Assert.Contains($"\"tokenizer_class\": \"{written}\"", File.ReadAllText(_folder.File("tokenizer_config.json")));
    }

    [Theory]
    [InlineData("special_tokens_map.json", "{\"mask_token\": \"<m>\", \"unk_token\": {\"content\": \"[UNK]\", \"lstrip\": false}}")]
    [InlineData("tokenizer_config.json", "{\"mask_token\": {\"content\": \"<m>\", \"single_word\": false}}")]
    public void Load_NamesOfSpecialTokens_AreTaken(string file, string json)
    {
        _folder.Write("vocab.txt", Words("<m>"));
        _folder.Write(file, json);
        BertWordPiece tokenizer = BertWordPiece.Load(_folder.Path);
        Assert.Equal(5, tokenizer.Vocabulary.Roles.Mask);
        Assert.Equal([5], tokenizer.EncodeToIds("<m>"));
    }

    [Theory]
    [InlineData("tokenizer_config.json", "{", "not valid JSON")]
    [InlineData("tokenizer_config.json", "[]", "the root is Array; expected an object")]
    [InlineData("tokenizer_config.json", "{\"do_lower_case\": \"yes\"}", "do_lower_case is \"yes\"; expected true, false or null")]
    [InlineData("tokenizer_config.json", "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}", "tokenizer_class is 'BertJapaneseTokenizer'; expected one of BertTokenizer")]
    [InlineData("tokenizer_config.json", "{\"do_basic_tokenize\": false}", "do_basic_tokenize is false; expected true")]
    [InlineData("tokenizer_config.json", "{\"never_split\": [\"a\"]}", "never_split names 1 tokens; expected none")]
    [InlineData("special_tokens_map.json", "{\"additional_special_tokens\": [\"<x>\"]}", "additional_special_tokens names 1 tokens; expected none")]
    [InlineData("special_tokens_map.json", "{\"cls_token\": 3}", "cls_token is 3; expected the token itself")]
    [InlineData("special_tokens_map.json", "{\"cls_token\": \"[SEP]\"}", "sep_token and cls_token are both '[SEP]'; expected five different")]
    [InlineData("special_tokens_map.json", "{\"mask_token\": \"\\ud800\"}", "a setting is not valid text")]
    public void Load_SettingsThatCannotBe_AreRefused(string file, string json, string said)
    {
        _folder.Write("vocab.txt", Words());
        _folder.Write(file, json);
        Refused(said);
    }

    [Fact]
    public void Kinds_AreFoundByTheirFiles()
    {
        Assert.Null(TokenizerKinds.Find(_folder.Path));
        Assert.Contains("vocab.json and merges.txt, or vocab.txt", Assert.Throws<InvalidDataException>(() => TokenizerKinds.Load(_folder.Path)).Message);

        WordPieces.Create().Save(_folder.Path, FileLayer.Disk);
        Assert.IsType<BertWordPiece>(TokenizerKinds.Load(_folder.Path).Tokenizer);
        Assert.Equal(new TokenizerDescription("WordPiece, lower case, accents left out", "BertTokenizer"), TokenizerKinds.Describe(_folder.Path));
        Assert.Equal([], TokenizerKinds.Unread(_folder.Path));

        Gpt2Tokenizer bpe = Gpt2Tokenizer.Train(["the cat saw the cat"], 260);
        bpe.Save(_folder.Path, FileLayer.Disk);
        Assert.Contains("vocab.json and vocab.txt are both there: files of several tokenizers",
            Assert.Throws<InvalidDataException>(() => TokenizerKinds.Find(_folder.Path)).Message);
        Assert.Contains("files of several tokenizers", TokenizerKinds.Describe(_folder.Path).Description);

        File.Delete(_folder.File("vocab.txt"));
        Assert.Equal(bpe.Vocabulary.Sha256, TokenizerKinds.Load(_folder.Path).Vocabulary.Sha256);
        Assert.Equal(["tokenizer_config.json", "special_tokens_map.json"], TokenizerKinds.Unread(_folder.Path));
        File.Delete(_folder.File("merges.txt"));
        Assert.Contains("Only one of vocab.json and merges.txt is there", Assert.Throws<InvalidDataException>(() => TokenizerKinds.Find(_folder.Path)).Message);
    }

    private void Refused(string said) => Assert.Contains(said, Assert.Throws<InvalidDataException>(() => BertWordPiece.Load(_folder.Path)).Message);
}
