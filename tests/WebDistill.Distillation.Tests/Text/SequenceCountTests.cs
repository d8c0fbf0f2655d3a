using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>A plan needs to know how many sequences there are, and nothing else of them.</summary>
public sealed class SequenceCountTests : IDisposable
{
    private const int EndOfText = 3, FirstToken = 80;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(0.02)]
    [InlineData(0.5)]
    public void Count_RandomDocuments_IsTheSamplers(double endOfTextInside)
    {
        var random = new Random(11);
        for (int round = 0; round < 60; round++)
        {
            // Lengths around every edge: of the shortest sequence, of the context and of its multiples.
            int[][] documents = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => Document(random, random.Next(0, 130), endOfTextInside))];
            using TokenFile file = Write(documents, random.Next(2) == 0 ? 500 : 70_000);
            for (int context = 2; context < 40; context++)
            {
                foreach (SequenceMode mode in Enum.GetValues<SequenceMode>().Where(mode => context >= mode.ShortestContext()))
                    Assert.Equal(Sampler(file, mode, context), Counted(file, mode, context));
            }
        }
    }

    [Theory]
    [InlineData(SequenceMode.Packed)]
    [InlineData(SequenceMode.HuggingFace)]
    public void Count_FileThatSaysWhereTheEndOfTextIs_ReadsNoTokenAndMakesNoSequence(SequenceMode mode)
    {
        var random = new Random(5);
        int[][] documents = [.. Enumerable.Range(0, 20_000).Select(_ => Document(random, random.Next(30, 60), 0))];
        using (TokenFile whole = Write(documents, 500))
            Assert.Equal(Counted(whole, mode, 32), Sampler(whole, mode, 32));
        // Every id damaged: whoever reads one says so.
        string path = _folder.File("t.tokens");
        EpochSize expected;
        using (TokenFile whole = TokenFile.Open(path))
            expected = SequenceSource.Count(whole, mode, 32);
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(FirstToken, bytes.Length - FirstToken - 20_000 * sizeof(long) - 8).Fill(0xFF);
        File.WriteAllBytes(path, bytes);
        using TokenFile damaged = TokenFile.Open(path);
        Assert.Throws<InvalidDataException>(() => SequenceSource.Cut(damaged, SequenceMode.HuggingFace, 32));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(expected, SequenceSource.Count(damaged, mode, 32));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    [Fact]
    public void Count_FileOfAnEarlyVersion_IsTheSamplers()
    {
        var random = new Random(6);
        using (Write([.. Enumerable.Range(0, 200).Select(_ => Document(random, random.Next(0, 90), 0.1))], 500))
        {
        }
        byte[] bytes = File.ReadAllBytes(_folder.File("t.tokens"));
        // What it did not write: whether a document holds the end-of-text id.
        bytes[72] = 0;
        File.WriteAllBytes(_folder.File("t.tokens"), bytes);
        using TokenFile file = TokenFile.Open(_folder.File("t.tokens"));
        Assert.Equal(Sampler(file, SequenceMode.HuggingFace, 20), Counted(file, SequenceMode.HuggingFace, 20));
    }

    private static int[] Document(Random random, int length, double endOfTextInside) =>
        [.. Enumerable.Range(0, length).Select(_ => random.NextDouble() < endOfTextInside ? EndOfText : random.Next(4, 500))];

    private TokenFile Write(int[][] documents, int vocabularySize)
    {
        using (var writer = new TokenFileWriter(_folder.File("t.tokens"), vocabularySize, EndOfText, new string('0', 64), FileLayer.Disk))
        {
            foreach (int[] document in documents)
                writer.AppendDocument(document);
            writer.Commit();
        }
        return TokenFile.Open(_folder.File("t.tokens"));
    }

    private static string Counted(TokenFile file, SequenceMode mode, int context) => Said(() => SequenceSource.Count(file, mode, context));

    private static string Sampler(TokenFile file, SequenceMode mode, int context) =>
        Said(() => new CorpusBatches(file, mode, context, 1, shuffle: false, groupBySize: false, seed: 0).Epoch);

    private static string Said(Func<EpochSize> count)
    {
        try
        {
            return count().ToString();
        }
        catch (InvalidDataException none)
        {
            return none.Message;
        }
    }
}
