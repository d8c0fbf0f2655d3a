using System.Text.Json;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Tests.Text;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledBatchesTests : IDisposable
{
    private static readonly string[] s_classes = ["no", "yes", "perhaps"];
    private static readonly string[] s_words = ["the", "cat", "cats", "saw", "a", "dog", "unwanted", "running", "é", "zzz"];

    private readonly TemporaryFolder _folder = new();
    private readonly List<LabelledFile> _opened = [];

    public void Dispose()
    {
        _opened.ForEach(file => file.Dispose());
        _folder.Dispose();
    }

    /// <summary>What a batch is composed of is what the tokenizer makes of the same texts, which golden cases hold against the reference.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Next_EveryRow_IsTheTokenizersEncoding(bool pairs)
    {
        BertWordPiece tokenizer = WordPieces.Create();
        (string First, string? Second, int Class)[] examples = [.. Examples(60, pairs)];
        LabelledFile file = Prepare(tokenizer, examples);
        foreach (int context in new[] { 5, 6, 7, 10, 64 })
        {
            using var batches = new LabelledBatches(file, context, batchSize: 7, shuffle: false, groupBySize: false, seed: 1);
            Assert.Equal((9, 60), (batches.BatchesPerEpoch, batches.Epoch.Sequences));
            long tokens = 0;
            int example = 0;
            for (int batch = 0; batch < batches.BatchesPerEpoch; batch++)
            {
                TokenBatch made = batches.Next();
                Assert.Equal(made.Lengths.Max(), made.Columns);
                for (int row = 0; row < made.Rows; row++, example++)
                {
                    PairEncoding expected = tokenizer.EncodePair(examples[example].First, examples[example].Second, context);
                    Assert.Equal(expected.Ids.Count, made.Lengths[row]);
                    Assert.Equal(expected.Ids.Select(id => (long)id), made.Ids.AsSpan(row * made.Columns, made.Lengths[row]).ToArray());
                    Assert.All(made.Ids.AsSpan((row * made.Columns + made.Lengths[row])..((row + 1) * made.Columns)).ToArray(), id => Assert.Equal(tokenizer.Vocabulary.Roles.Padding, id));
                    if (pairs)
                        Assert.Equal(expected.TypeIds.Select(id => (long)id), made.TokenTypeIds!.AsSpan(row * made.Columns, made.Lengths[row]).ToArray());
                    else
                        Assert.Null(made.TokenTypeIds);
                    Assert.Equal(examples[example].Class, made.Classes![row]);
                    tokens += made.Lengths[row];
                }
            }
            Assert.Equal((60, tokens), (example, batches.Epoch.Tokens));
        }
    }

    [Fact]
    public void Cut_IsTokenByTokenOffTheLonger()
    {
        for (int first = 0; first < 9; first++)
        {
            for (int second = 0; second < 9; second++)
            {
                for (int room = 0; room < 20; room++)
                {
                    (int one, int two) = (first, second);
                    while (one + two > room)
                        (one, two) = one > two ? (one - 1, two) : (one, two - 1);
                    Assert.Equal((one, two), LabelledBatches.Cut(first, second, room));
                }
            }
        }
    }

    [Fact]
    public void Next_VocabularyWithoutIdsThatBeginTexts_IsTheTextAlone()
    {
        var vocabulary = new Vocabulary([.. Enumerable.Range(0, 300).Select(_ => new byte[] { 32 })], 9, new string('a', 64));
        using (var writer = new LabelledFileWriter(_folder.File("t.bin"), vocabulary, s_classes, holdsPairs: false, FileLayer.Disk))
        {
            writer.Append([5, 6, 7, 8], [], 1);
            writer.Append([4], [], 0);
            writer.Commit();
        }
        using LabelledFile file = LabelledFile.Open(_folder.File("t.bin"));
        using var batches = new LabelledBatches(file, contextLength: 3, batchSize: 4, shuffle: false, groupBySize: false, seed: 1);
        TokenBatch batch = batches.Next();
        Assert.Equal([5, 6, 7, 4, 9, 9], batch.Ids);
        Assert.Equal((2, 3, 4), (batch.Rows, batch.Columns, batches.Epoch.Tokens));
        Assert.Equal([3, 1], batch.Lengths);
        Assert.Equal([1, 0], batch.Classes!);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Position_RestoredAnywhereInThreeEpochs_GoesOnExactly(bool shuffle, bool groupBySize)
    {
        LabelledFile file = Prepare(WordPieces.Create(), [.. Examples(60, pairs: true)]);
        using var whole = new LabelledBatches(file, 12, 7, shuffle, groupBySize, seed: 9);
        List<string> positions = [], stream = [];
        for (int step = 0; step < 3 * whole.BatchesPerEpoch; step++)
        {
            positions.Add(JsonSerializer.Serialize(whole.Position));
            stream.Add(JsonSerializer.Serialize(whole.Next()));
        }
        Assert.Equal(shuffle, stream[0] != stream[whole.BatchesPerEpoch]);
        using var resumed = new LabelledBatches(file, 12, 7, shuffle, groupBySize, seed: 12345);   // the seed is not what restores
        for (int step = stream.Count - 1; step >= 0; step--)
        {
            resumed.Position = JsonDocument.Parse(positions[step]).RootElement;
            for (int later = step; later < Math.Min(step + 3, stream.Count); later++)
                Assert.Equal(stream[later], JsonSerializer.Serialize(resumed.Next()));
        }
        Assert.Contains("a labelled data set", Assert.Throws<ArgumentException>(() => resumed.Position = JsonDocument.Parse("{}").RootElement).Message);
        Assert.Contains("expected a batch from 0 to 9", Assert.Throws<ArgumentException>(
            () => resumed.Position = JsonDocument.Parse(positions[0].Replace("\"batchInEpoch\":0", "\"batchInEpoch\":10", StringComparison.Ordinal)).RootElement).Message);
    }

    [Fact]
    public void Epoch_Shuffled_HasEveryExampleOnce_AndGroupedOnesAreAlike()
    {
        LabelledFile file = Prepare(WordPieces.Create(), [.. Examples(200, pairs: false)]);
        using var grouped = new LabelledBatches(file, 64, 10, shuffle: true, groupBySize: true, seed: 3);
        using var plain = new LabelledBatches(file, 64, 10, shuffle: true, groupBySize: false, seed: 3);
        (string[] Rows, long Padding) one = Rows(grouped), other = Rows(plain);
        Assert.Equal(other.Rows.Order(StringComparer.Ordinal), one.Rows.Order(StringComparer.Ordinal));
        Assert.NotEqual(other.Rows, one.Rows);
        Assert.True(one.Padding < other.Padding / 2, $"{one.Padding} of padding when grouped, {other.Padding} when not");

        static (string[], long) Rows(LabelledBatches batches)
        {
            List<string> rows = [];
            long padding = 0;
            for (int batch = 0; batch < batches.BatchesPerEpoch; batch++)
            {
                TokenBatch made = batches.Next();
                rows.AddRange(Enumerable.Range(0, made.Rows).Select(row => $"{string.Join(' ', made.Ids.AsSpan(row * made.Columns, made.Lengths[row]).ToArray())}: {made.Classes![row]}"));
                padding += made.Ids.Length - made.Lengths.Sum(length => (long)length);
            }
            return ([.. rows], padding);
        }
    }

    [Fact]
    public void Create_WhatCannotBe_IsRefused()
    {
        LabelledFile pairs = Prepare(WordPieces.Create(), [.. Examples(5, pairs: true)]);
        Assert.Contains("expected at least 5 for pairs", Assert.Throws<ArgumentOutOfRangeException>(() => new LabelledBatches(pairs, 4, 7, true, true, 1)).Message);
        Assert.Contains("Batch size 0", Assert.Throws<ArgumentOutOfRangeException>(() => new LabelledBatches(pairs, 5, 0, true, true, 1)).Message);
    }

    private LabelledFile Prepare(BertWordPiece tokenizer, (string First, string? Second, int Class)[] examples)
    {
        string source = _folder.Write("a.tsv", string.Concat(examples.Select(example => $"{s_classes[example.Class]}\t{example.First}\t{example.Second ?? "-"}\n")));
        var options = new LabelledOptions
        {
            Format = "tsv", HasHeader = false, LabelColumn = "1", TextColumn = "2", SecondColumn = examples[0].Second is null ? null : "3", Classes = s_classes,
        };
        ClassModels.Prepare(source, null, options, tokenizer, _folder.File("t.bin"), _folder.File("unused.bin"));
        _opened.Add(LabelledFile.Open(_folder.File("t.bin")));
        return _opened[^1];
    }

    private static IEnumerable<(string, string?, int)> Examples(int count, bool pairs)
    {
        var random = new SplittableRandom(count);
        for (int example = 0; example < count; example++)
            yield return (Text(), pairs ? Text() : null, random.Next(3));

        string Text() => string.Join(' ', Enumerable.Range(0, 1 + random.Next(20)).Select(_ => s_words[random.Next(s_words.Length)]));
    }
}
