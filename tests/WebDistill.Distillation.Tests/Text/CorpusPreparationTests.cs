using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Distillation.Tests.Text;

public sealed class CorpusPreparationTests : IDisposable
{
    private static readonly Gpt2Tokenizer s_tokenizer = Gpt2Tokenizer.Train(["the ball is in the basket, the ball is in the box. the end "
        + "of the ball."], 265);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prepare_Paragraphs_WritesBothSplitsInOrder()
    {
        string source = _folder.Write("corpus.txt", "one\r\ntwo  \r\n\r\n  \n\nthree\n\n  four <|endoftext|>\n\nfive\n\n\n");
        CorpusStatistics statistics = Prepare(source, "text-paragraphs", validation: 0.2);
        Assert.Equal(["one\ntwo", "three", "  four <|endoftext|>"], Documents(Train));
        Assert.Equal(["five"], Documents(Validation));
        Assert.Equal(4, statistics.Documents);
        Assert.Equal(new FileInfo(source).Length, statistics.Bytes);
        Assert.Equal(statistics.Tokens, statistics.TrainTokens + statistics.ValidationTokens);
        Assert.Equal((double)statistics.Bytes / statistics.Tokens, statistics.BytesPerToken);
        Assert.Equal(4, statistics.LengthHistogram.Sum(bin => bin.Documents));
        using TokenFile train = TokenFile.Open(Train);
        Assert.Equal(statistics.TrainTokens, train.TokenCount);
        Assert.Equal(s_tokenizer.Vocabulary.Sha256, train.TokenizerSha256);
        // The literal end-of-text in the text is text: the id itself only ends documents.
        var ids = new int[train.TokenCount];
        train.Read(0, ids);
        Assert.Equal(3, ids.Count(id => id == s_tokenizer.Vocabulary.EndOfTextId));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\uFEFF")]
    public void Prepare_WholeText_IsOneDocumentWithItsEndHeldOutFromALineOn(string mark)
    {
        string source = _folder.Write("c.txt", mark + "one\r\ntwo\n\nthree\nfour\nfive\n");
        Assert.Equal(2, Prepare(source, "text-whole", validation: 0.3).Documents);
        Assert.Equal(["one\ntwo\n\nthree\nfour"], Documents(Train));
        Assert.Equal(["five"], Documents(Validation));
        Assert.Equal(1, Prepare(source, "text-whole", validation: 0).Documents);
        Assert.Equal(["one\ntwo\n\nthree\nfour\nfive"], Documents(Train));
    }

    [Fact]
    public void Prepare_UnwrappedLines_AreJoinedForTokensAndVocabularyAlike()
    {
        string source = _folder.Write("c.txt", "one\ntwo\n\nthree\n  four\n");
        var options = new CorpusOptions { Format = "text-paragraphs", ValidationProportion = 0, UnwrapLines = true };
        CorpusPreparation.Prepare(source, s_tokenizer, options, Train, Validation, FileLayer.Disk);
        Assert.Equal(["one two", "three\n  four"], Documents(Train));
        Assert.Equal(["one two", "three\n  four"], CorpusPreparation.ReadDocuments(source, options));
    }

    [Fact]
    public void Prepare_ThePackagesByteLevelBpe_WritesTheSameFiles()
    {
        string source = _folder.Write("corpus.txt", string.Join("\n\n", StoryCorpus.Generate(seed: 8, stories: 50)));
        Prepare(source, "text-paragraphs", validation: 0.2);
        byte[] train = File.ReadAllBytes(Train), validation = File.ReadAllBytes(Validation);
        s_tokenizer.Save(_folder.Path, FileLayer.Disk);
        var package = new TextTokenizer(PackageTokenizers.Bpe(_folder.Path), s_tokenizer.Vocabulary, s_tokenizer.Save);
        CorpusPreparation.Prepare(source, package, new CorpusOptions { Format = "text-paragraphs", ValidationProportion = 0.2 }, Train, Validation, FileLayer.Disk);
        Assert.Equal(train, File.ReadAllBytes(Train));
        Assert.Equal(validation, File.ReadAllBytes(Validation));
    }

    [Fact]
    public void Prepare_ThePackagesWordPiece_WritesItsIds()
    {
        string[] tokens = ["[UNK]", "the", "cat", "saw", "a", "##s", "[SEP]"];
        byte[] file = Encoding.UTF8.GetBytes(string.Join('\n', tokens));
        var vocabulary = new Vocabulary([.. tokens.Select(Encoding.UTF8.GetBytes)], endOfTextId: 6, Convert.ToHexStringLower(SHA256.HashData(file)));
        var wordPiece = new TextTokenizer(WordPieceTokenizer.Create(new MemoryStream(file)), vocabulary,
            (folder, files) => DurableFile.WriteText(Path.Combine(folder, "vocab.txt"), Encoding.UTF8.GetString(file), files));
        CorpusPreparation.Prepare(_folder.Write("corpus.txt", "the cats saw\na cat\n"), wordPiece,
            new CorpusOptions { Format = "text-lines", ValidationProportion = 0 }, Train, Validation, FileLayer.Disk);
        using TokenFile train = TokenFile.Open(Train);
        var ids = new int[train.TokenCount];
        train.Read(0, ids);
        Assert.Equal([1, 2, 5, 3, 6, 4, 2, 6], ids);
        Assert.Equal((7, vocabulary.Sha256), (train.VocabularySize, train.TokenizerSha256));
    }

    [Fact]
    public void Prepare_BertsWordPiece_WritesWhatBeginsAndEndsEachDocument()
    {
        BertWordPiece tokenizer = WordPieces.Create();
        string source = _folder.Write("corpus.txt", "The cats saw.\n\n A dog \n[MASK] é\nqq\n");
        CorpusStatistics statistics = CorpusPreparation.Prepare(source, tokenizer, new CorpusOptions { Format = "text-lines", ValidationProportion = 0 }, Train, Validation, FileLayer.Disk);
        using TokenFile train = TokenFile.Open(Train);
        var ids = new int[train.TokenCount];
        train.Read(0, ids);
        Assert.Equal("[CLS] the cat ##s saw . [SEP] [CLS] a dog [SEP] [CLS] [MASK] e [SEP] [CLS] [UNK] [SEP]", string.Join(' ', ids.Select(id => WordPieces.Tokens[id])));
        Assert.Equal((4, ids.Length), (statistics.Documents, statistics.Tokens));
        Assert.Equal((tokenizer.Vocabulary.Sha256, tokenizer.Vocabulary.Roles), (train.TokenizerSha256, train.Roles));
    }

    [Fact]
    public void Prepare_Histogram_CountsLengthsInDoublingBins()
    {
        string source = _folder.Write("corpus.txt", "a\nqz\nqzx\nqzxvwyqzx\n");
        IReadOnlyList<LengthBin> bins = Prepare(source, "text-lines", validation: 0).LengthHistogram;
        Assert.Equal([new LengthBin(1, 1, 1), new LengthBin(2, 3, 2), new LengthBin(4, 7, 0), new LengthBin(8, 15, 1)], bins);
    }

    [Fact]
    public void Prepare_Lines_TrimsAndSkipsBlankOnes()
    {
        Prepare(_folder.Write("c.txt", "\n  one \r\n\t\ntwo\nthree"), "text-lines", validation: 0);
        Assert.Equal(["one", "two", "three"], Documents(Train));
        Assert.False(File.Exists(Validation));
    }

    [Fact]
    public void Prepare_JsonLines_TakesTheFieldAsItIs()
    {
        string lines = """
            {"text": " one\n\u00e9\/\"", "id": [1, {"text": "no"}]}

            {"id": 2, "text": "a\ud83d\ude00b\ud800c\t"}
            {"text": "   "}
            {"text": "\u0074wo", "text": "the first one counts"}
            """;
        Prepare(_folder.Write("c.jsonl", lines), "json-lines", validation: 0);
        Assert.Equal([" one\né/\"", "a😀b\uFFFDc\t", "two"], Documents(Train));
        Prepare(_folder.Write("d.jsonl", """{"b\u006fdy": "x"}"""), "json-lines", validation: 0, jsonField: "body");
        Assert.Equal(["x"], Documents(Train));
    }

    [Theory]
    [InlineData("{\"text\": \"a\"}\n{\"txt\": \"b\"}\n", "line 2: no field 'text'")]
    [InlineData("{\"text\": \"a\"}\n\n{\"text\": 5}\n", "line 3: field 'text' is a JSON Number")]
    [InlineData("{\"text\": null}\n", "is a JSON Null")]
    [InlineData("{\"text\": \"a\"}\n[1]\n", "line 2: the line is a JSON StartArray")]
    [InlineData("{\"text\": \"a\n", "line 1: not valid JSON")]
    [InlineData("{\"text\": \"a\"} {\"text\": \"b\"}\n", "line 1: not valid JSON")]
    [InlineData("{\"text\": \"\\uZZZZ\"}\n", "line 1: not valid JSON")]
    public void Prepare_BadJsonLine_NamesTheLine(string content, string reason) =>
        Assert.Contains(reason, Refusal(_folder.Write("c.jsonl", content), "json-lines").Message);

    public static TheoryData<string, byte[], string> BadFiles => new()
    {
        { "empty", [], "0 bytes; expected text" },
        { "white space", " \n\n\t\r\n "u8.ToArray(), "7 bytes without a document" },
        { "only a byte-order mark", [0xEF, 0xBB, 0xBF], "3 bytes without a document" },
        { "UTF-16 little-endian", [0xFF, 0xFE, (byte)'a', 0], "UTF-16 byte-order mark; expected UTF-8" },
        { "UTF-16 big-endian", [0xFE, 0xFF, 0, (byte)'a'], "UTF-16 byte-order mark; expected UTF-8" },
        { "UTF-16 without a mark", Encoding.Unicode.GetBytes("one\n\ntwo"), "byte 1 is 0; expected UTF-8 text without NUL" },
        { "NUL", "one\n\ntw\0"u8.ToArray(), "byte 7 is 0" },
        { "Latin-1", [.. "one\n\ncaf"u8, 0xE9, .. " two"u8], "byte 8 is 0xE9, which is not valid UTF-8" },
        { "cut in a character", [.. "one\n\n"u8, 0xF0, 0x9F, 0x98], "byte 5 is 0xF0" },
        { "encoded surrogate", [.. "é\n\n"u8, 0xED, 0xA0, 0x80], "byte 4 is 0xED" },
        { "one document", "one\ntwo\n"u8.ToArray(), "1 document as 'text-paragraphs'; expected at least 2" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void Prepare_BadFile_IsRefusedSayingWhyAndLeavesNothing(string what, byte[] content, string reason)
    {
        Assert.NotEmpty(what);
        string source = _folder.Write("c.txt", content);
        string message = Refusal(source, "text-paragraphs").Message;
        Assert.Contains(reason, message);
        Assert.StartsWith("c.txt: ", message);
        Assert.DoesNotContain(_folder.Path, message);
        Assert.Equal([source], Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Prepare_InvalidByteFarIn_NamesItsOffset()
    {
        byte[] content = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("the ball is in the box\n\n", 200_000)));
        content[4_000_001] = 0xFF;
        Assert.Contains("byte 4000001 is 0xFF", Refusal(_folder.Write("c.txt", content), "text-paragraphs").Message);
    }

    [Fact]
    public void Prepare_MissingFile_IsRefused() => Assert.Contains("is missing", Refusal(_folder.File("none.txt"), "text-lines").Message);

    [Fact]
    public void Prepare_Utf8ByteOrderMark_IsSkipped()
    {
        Prepare(_folder.Write("c.txt", [0xEF, 0xBB, 0xBF, .. "one\ntwo"u8]), "text-lines", validation: 0);
        Assert.Equal(["one", "two"], Documents(Train));
    }

    [Fact]
    public void Prepare_LastDocumentIsLong_StillGivesValidationADocument()
    {
        Prepare(_folder.Write("c.txt", "one\n" + new string('x', 500)), "text-lines", validation: 0.05);
        Assert.Equal(["one"], Documents(Train));
        Assert.Equal([new string('x', 500)], Documents(Validation));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    [InlineData(0.6)]
    public void Prepare_BadProportion_IsRefused(double proportion) =>
        Assert.Contains("expected 0 to 0.5", Assert.Throws<ArgumentException>(() => Prepare(_folder.Write("c.txt", "a\nb"), "text-lines",
            proportion)).Message);

    [Fact]
    public void Prepare_UnknownFormat_ListsTheValidOnes() =>
        Assert.Contains("'text-paragraphs', 'text-whole', 'text-lines', 'json-lines'",
            Assert.Throws<ArgumentException>(() => Prepare(_folder.Write("c.txt", "a\nb"), "csv", 0)).Message);

    [Fact]
    public void Prepare_AnyNumberOfThreads_WritesTheSameFilesAndTheSameProgress()
    {
        string source = LargeCorpus();
        byte[][] files = [.. new[] { 1, 2, 5 }.Select(threads =>
        {
            Prepare(source, "text-paragraphs", 0.1, threads: threads);
            return (byte[])[.. File.ReadAllBytes(Train), .. File.ReadAllBytes(Validation)];
        })];
        Assert.Equal(files[0], files[1]);
        Assert.Equal(files[0], files[2]);

        var reports = new List<CorpusProgress>();
        CorpusStatistics statistics = Prepare(source, "text-paragraphs", 0.1, threads: 3, progress: new Recorder(reports));
        Assert.Equal(new CorpusProgress(statistics.Bytes, statistics.Bytes, statistics.Documents, statistics.Tokens), reports[^1]);
        Assert.True(reports.Count > 2);
        Assert.Equal(reports.OrderBy(report => report.BytesRead), reports);

        // What was written is what reading serially gives.
        string[] documents = [.. CorpusPreparation.ReadDocuments(source, new CorpusOptions { Format = "text-paragraphs" })];
        Assert.Equal<IEnumerable<string>>(documents, Documents(Train).Concat(Documents(Validation)));
        Assert.InRange((double)Documents(Validation).Length / documents.Length, 0.09, 0.11);
    }

    [Fact]
    public void Prepare_OneThread_EncodesOneChunkAtATime()
    {
        Gpt2Tokenizer own = Gpt2Tokenizer.Train(["the ball is in the basket"], 260);
        // The test's own runner may hold all threads that the pool starts with, and would hide what is tested.
        ThreadPool.GetMinThreads(out int workers, out int completions);
        ThreadPool.SetMinThreads(workers + 8, completions);
        try
        {
            CorpusPreparation.Prepare(LargeCorpus(), own, new CorpusOptions { Format = "text-paragraphs", Threads = 1 }, Train, Validation, FileLayer.Disk);
        }
        finally
        {
            ThreadPool.SetMinThreads(workers, completions);
        }
        Assert.Equal(1, own.IdleEncoderCount);
    }

    [Fact]
    public void Prepare_Cancelled_StopsAndLeavesNothing()
    {
        string source = LargeCorpus();
        using var cancellation = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => CorpusPreparation.Prepare(
            source, s_tokenizer, new CorpusOptions { Format = "text-paragraphs" }, Train, Validation, FileLayer.Disk, new Canceller(cancellation),
                cancellation.Token));
        Assert.Equal([source], Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    [Trait("takes", "long")]
    public void Prepare_OneLineOf50Megabytes_IsOneDocument()
    {
        string source = _folder.File("line.txt");
        const int repeats = 50_000_000 / 16;
        using (var stream = new FileStream(source, FileMode.Create))
            for (int i = 0; i < repeats; i++)
                stream.Write("the ball is qzx "u8);
        CorpusStatistics statistics = Prepare(source, "text-lines", validation: 0);
        Assert.Equal(1, statistics.Documents);
        using TokenFile file = TokenFile.Open(Train);
        Assert.Equal(file.TokenCount - 1, file.Document(0).Length);
        Assert.Contains("expected at least 2", Refusal(source, "text-lines").Message);
    }

    [Fact]
    public void ForFileName_KnownAndUnknownExtension_SuggestsAFormat()
    {
        Assert.Equal("json-lines", CorpusFormats.ForFileName("a.JSONL").Name);
        Assert.Equal("text-paragraphs", CorpusFormats.ForFileName("a.txt").Name);
        Assert.Equal("text-paragraphs", CorpusFormats.ForFileName("a.xyz").Name);
        Assert.All(CorpusFormats.All, format => Assert.Same(format, CorpusFormats.Find(format.Name)));
    }

    private string Train => _folder.File("train.bin");

    private string Validation => _folder.File("validation.bin");

    private string LargeCorpus()
    {
        string[] words = ["the", "ball", "in", "basket", "é", "😀", "\r\nbox", "\n  end"];
        var random = new Random(1);
        var text = new StringBuilder();
        while (text.Length < 4_500_000)
        {
            for (int count = random.Next(1, 400); count > 0; count--)
                text.Append(words[random.Next(words.Length)]).Append(' ');
            text.Append("x\n\n");
        }
        return _folder.Write("corpus.txt", text.ToString());
    }

    private CorpusStatistics Prepare(
        string source, string format, double validation, string jsonField = "text", int threads = 2,
            IProgress<CorpusProgress>? progress = null) =>
        CorpusPreparation.Prepare(
            source, s_tokenizer, new CorpusOptions { Format = format, ValidationProportion = validation, JsonField = jsonField,
                Threads = threads }, Train, Validation, FileLayer.Disk, progress);

    private InvalidDataException Refusal(string source, string format) => Assert.Throws<InvalidDataException>(() => Prepare(source, format,
        validation: 0.1));

    private static string[] Documents(string path)
    {
        using TokenFile file = TokenFile.Open(path);
        var documents = new string[file.DocumentCount];
        for (int index = 0; index < documents.Length; index++)
        {
            TokenDocument document = file.Document(index);
            var ids = new int[document.Length];
            file.Read(document.Offset, ids);
            documents[index] = s_tokenizer.Decode(ids);
        }
        return documents;
    }

    private sealed class Recorder(List<CorpusProgress> reports) : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value) => reports.Add(value);
    }

    private sealed class Canceller(CancellationTokenSource cancellation) : IProgress<CorpusProgress>
    {
        public void Report(CorpusProgress value) => cancellation.Cancel();
    }
}
