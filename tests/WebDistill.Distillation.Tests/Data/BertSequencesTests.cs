using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data;

/// <summary>Sequences of a text whose documents begin with one id and end with another, padded with a third, as BERT's.</summary>
public sealed class BertSequencesTests : IDisposable
{
    private const int Pad = 0, Unknown = 1, Begin = 2, End = 3, Mask = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The reference's LmSeqsDataset with M = 16: lengths with both ids, of what comes in and of what it cuts that into.</summary>
    [Theory]
    [InlineData(16, new[] { 16 })]
    [InlineData(17, new[] { 15 })]
    [InlineData(28, new[] { 15, 15 })]
    [InlineData(30, new[] { 15, 16 })]
    [InlineData(42, new[] { 15, 16, 15 })]
    [InlineData(44, new[] { 15, 16, 16 })]
    public void Cut_ADocument_GivesThePiecesOfTheReferenceGolden(int length, int[] pieces)
    {
        int[] document = [Begin, .. Enumerable.Range(0, length - 2).Select(i => 10 + i % 80)];
        using TokenFile file = Write([document]);
        using var batches = new CorpusBatches(file, SequenceMode.HuggingFace, 16, 1, shuffle: false, groupBySize: false, seed: 0);
        Assert.Equal(pieces.Length, batches.SequenceCount);
        Assert.Equal(SequenceSource.Count(file, SequenceMode.HuggingFace, 16), batches.Epoch);
        List<long> together = [];
        foreach (int expected in pieces)
        {
            TokenBatch batch = batches.Next();
            Assert.Equal(expected, Assert.Single(batch.Lengths));
            Assert.Equal((Begin, End), (batch.Ids[0], batch.Ids[^1]));
            Assert.DoesNotContain(batch.Ids[1..^1], id => id is Begin or End or Pad);
            together.AddRange(batch.Ids[1..^1]);
        }
        // Nothing but a tail that is too short is lost.
        Assert.Equal(document[1..][..together.Count].Select(id => (long)id), together);
    }

    [Fact]
    public void Next_RowsOfDifferentLengths_ArePadded()
    {
        using TokenFile file = Write([[Begin, .. Enumerable.Repeat(7, 10)], [Begin, .. Enumerable.Repeat(8, 13)]]);
        using var batches = new CorpusBatches(file, SequenceMode.HuggingFace, 16, 2, shuffle: false, groupBySize: false, seed: 0);
        TokenBatch batch = batches.Next();
        Assert.Equal([12, 15], batch.Lengths);
        Assert.Equal([Begin, .. Enumerable.Repeat(7L, 10), End, Pad, Pad, Pad, Begin, .. Enumerable.Repeat(8L, 13), End], batch.Ids);
    }

    [Fact]
    public void Cut_DropsWhatIsMostlyUnknown()
    {
        int[] half = [Begin, .. Enumerable.Repeat(Unknown, 6), .. Enumerable.Repeat(9, 4)], fewer = [Begin, .. Enumerable.Repeat(Unknown, 5), .. Enumerable.Repeat(9, 5)];
        using TokenFile file = Write([half, fewer]);
        using var batches = new CorpusBatches(file, SequenceMode.HuggingFace, 16, 1, shuffle: false, groupBySize: false, seed: 0);
        Assert.Equal(1, batches.SequenceCount);
        Assert.Equal(1, SequenceSource.Count(file, SequenceMode.HuggingFace, 16).Sequences);
        using TokenFile unknown = Write([half, half]);
        Assert.Contains("2 are mostly unknown words", Assert.Throws<InvalidDataException>(() => SequenceSource.Cut(unknown, SequenceMode.HuggingFace, 16)).Message);
    }

    [Fact]
    public void Next_PackedBlocks_AreTheStream()
    {
        using TokenFile file = Write([[Begin, 7, 8], [Begin, 9, 10, 11]]);
        using var batches = new CorpusBatches(file, SequenceMode.Packed, 4, 1, shuffle: false, groupBySize: false, seed: 0);
        Assert.Equal([Begin, 7, 8, End], batches.Next().Ids);
        Assert.Equal([Begin, 9, 10, 11], batches.Next().Ids);
    }

    private TokenFile Write(int[][] documents)
    {
        string path = _folder.File($"{Guid.NewGuid():N}.bin");
        using (var writer = new TokenFileWriter(path, vocabularySize: 100, new TokenRoles(Begin, End, Pad, Unknown, Mask), new string('a', 64), FileLayer.Disk))
        {
            foreach (int[] document in documents)
                writer.AppendDocument(document);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }
}
