using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data;

/// <summary>What the reference's LmSeqsDataset and GroupedCorpusBatches were observed to do.</summary>
public sealed class CorpusBatchesSpecTableGoldenTests : IDisposable
{
    private const int EndOfText = 0;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Lengths include the end-of-text ids at both ends; M = 16; pieces of 11 tokens and fewer are gone.
    [Theory]
    [InlineData(16, new[] { 16 })]
    [InlineData(17, new[] { 15 })]
    [InlineData(18, new[] { 15 })]
    [InlineData(28, new[] { 15, 15 })]
    [InlineData(29, new[] { 15, 16 })]
    [InlineData(30, new[] { 15, 16 })]
    [InlineData(31, new[] { 15, 16 })]
    [InlineData(42, new[] { 15, 16, 15 })]
    [InlineData(43, new[] { 15, 16, 16 })]
    [InlineData(44, new[] { 15, 16, 16 })]
    public void Cut_LongSequence_GivesThePiecesOfTheTable(int length, int[] expected)
    {
        int[] document = [.. Enumerable.Range(1, length - 2)];
        using TokenFile file = Write([document]);
        var sampler = new CorpusBatches(file, SequenceMode.HuggingFace, contextLength: 16, batchSize: 1, shuffle: false, groupBySize: false,
            seed: 1);
        TokenBatch[] batches = [.. Enumerable.Range(0, sampler.SequenceCount).Select(_ => sampler.Next())];
        Assert.Equal(expected, batches.Select(batch => batch.Lengths[0]));

        // The pieces are the document, cut every 14 ids counted with its first end-of-text id, each between two end-of-text ids.
        int[] whole = [EndOfText, .. document, EndOfText];
        for (int i = 0; i < batches.Length; i++)
        {
            int step = length <= 16 ? length : 14;
            List<int> piece = [.. whole.Skip(i * step).Take(step)];
            if (piece[0] != EndOfText)
                piece.Insert(0, EndOfText);
            if (piece[^1] != EndOfText)
                piece.Add(EndOfText);
            Assert.Equal(piece.Select(id => (long)id), batches[i].Ids);
        }
    }

    [Fact]
    public void Next_GroupedBySize_GivesTheBatchesOfTheList()
    {
        int[] lengths = [12, 50, 13, 14, 49, 15, 12, 20, 51, 63, 64, 16, 14, 47, 12];
        int[][] expected = [[0, 2, 3], [1, 4, 13], [6, 12, 14], [5, 11, 7], [8, 9, 10]];
        using TokenFile file = Write([.. lengths.Select((length, index) => Enumerable.Repeat(index + 1, length - 2).ToArray())]);
        var sampler = new CorpusBatches(file, SequenceMode.HuggingFace, contextLength: 64, batchSize: 3, shuffle: false, groupBySize: true,
            seed: 1);
        Assert.Equal(15, sampler.SequenceCount);
        Assert.Equal(5, sampler.BatchesPerEpoch);
        for (int epoch = 0; epoch < 2; epoch++)
            foreach (int[] batch in expected)
            {
                TokenBatch next = sampler.Next();
                Assert.Equal(batch, Enumerable.Range(0, next.Rows).Select(row => (int)next.Ids[row * next.Columns + 1] - 1));
                Assert.Equal(batch.Select(index => lengths[index]), next.Lengths);
                Assert.Equal(next.Lengths.Max(), next.Columns);
                for (int row = 0; row < next.Rows; row++)
                    for (int column = next.Lengths[row] - 1; column < next.Columns; column++)
                        Assert.Equal(EndOfText, next.Ids[row * next.Columns + column]);
            }
    }

    [Theory]
    [InlineData(11, 0)]
    [InlineData(12, 1)]
    public void Cut_ShortSequence_MustBeLongerThan11(int length, int sequences)
    {
        int[] document = [.. Enumerable.Range(1, length - 2)];
        using TokenFile file = Write([document]);
        if (sequences == 0)
            Assert.Contains("of 1 pieces 1 have 11 tokens or fewer", Assert.Throws<InvalidDataException>(() => Sampler(file)).Message);
        else
            Assert.Equal(sequences, Sampler(file).SequenceCount);

        static CorpusBatches Sampler(TokenFile file) =>
            new(file, SequenceMode.HuggingFace, contextLength: 16, batchSize: 1, shuffle: false, groupBySize: false, seed: 1);
    }

    [Theory]
    [InlineData(7, 0)]   // with both ends 9 of 18: not below one half
    [InlineData(6, 1)]
    public void Cut_MostlyUnknownSequence_IsDropped(int endOfTextInside, int sequences)
    {
        int[] document = [.. Enumerable.Repeat(EndOfText, endOfTextInside), .. Enumerable.Repeat(5, 16 - endOfTextInside)];
        int[] other = [.. Enumerable.Repeat(6, 16)];
        using TokenFile file = Write([document, other]);
        var sampler = new CorpusBatches(file, SequenceMode.HuggingFace, contextLength: 18, batchSize: 1, shuffle: false, groupBySize: false,
            seed: 1);
        Assert.Equal(1 + sequences, sampler.SequenceCount);
    }

    private TokenFile Write(int[][] documents)
    {
        string path = _folder.File("tokens.bin");
        using (var writer = new TokenFileWriter(path, vocabularySize: 1000, EndOfText, new string('a', 64), FileLayer.Disk))
        {
            foreach (int[] document in documents)
                writer.AppendDocument(document);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }
}
