using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data;

public sealed class CorpusBatchesTests : IDisposable
{
    private const int EndOfText = 0;
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _file;

    public CorpusBatchesTests()
    {
        var random = new Random(3);
        using (var writer = new TokenFileWriter(_folder.File("tokens.bin"), vocabularySize: 500, EndOfText, new string('0', 64), FileLayer.Disk))
        {
            for (int document = 0; document < 97; document++)
                writer.AppendDocument([.. Enumerable.Range(0, random.Next(5, 90)).Select(_ => random.Next(1, 500))]);
            writer.Commit();
        }
        _file = TokenFile.Open(_folder.File("tokens.bin"));
    }

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Next_PackedUnshuffled_IsTheStreamInBlocks()
    {
        var sampler = new CorpusBatches(_file, SequenceMode.Packed, contextLength: 32, batchSize: 5, shuffle: false, groupBySize: true,
            seed: 0);
        Assert.Equal(_file.TokenCount / 32, sampler.SequenceCount);
        Assert.Equal((sampler.SequenceCount + 4) / 5, sampler.BatchesPerEpoch);
        var stream = new int[sampler.SequenceCount * 32];
        _file.Read(0, stream);
        TokenBatch[] batches = [.. Enumerable.Range(0, sampler.BatchesPerEpoch).Select(_ => sampler.Next())];
        Assert.Equal(stream.Select(id => (long)id), batches.SelectMany(batch => batch.Ids));
        Assert.All(batches, batch => Assert.All(batch.Lengths, length => Assert.Equal(32, length)));
    }

    [Theory]
    [InlineData(SequenceMode.Packed, false)]
    [InlineData(SequenceMode.HuggingFace, false)]
    [InlineData(SequenceMode.HuggingFace, true)]
    public void Next_Shuffled_GivesEverySequenceOncePerEpochInAnotherOrder(SequenceMode mode, bool groupBySize)
    {
        CorpusBatches ordered = Sampler(mode, shuffle: false, groupBySize, seed: 1);
        CorpusBatches shuffled = Sampler(mode, shuffle: true, groupBySize, seed: 1);
        string[] expected = Rows(ordered);
        string[] first = Rows(shuffled);
        string[] second = Rows(shuffled);
        Assert.Equal(expected.Order(StringComparer.Ordinal), first.Order(StringComparer.Ordinal));
        Assert.Equal(expected.Order(StringComparer.Ordinal), second.Order(StringComparer.Ordinal));
        Assert.NotEqual(expected, first);
        Assert.NotEqual(first, second);
        Assert.Equal(first, Rows(Sampler(mode, shuffle: true, groupBySize, seed: 1)));
        Assert.NotEqual(first, Rows(Sampler(mode, shuffle: true, groupBySize, seed: 2)));
    }

    [Theory]
    [InlineData(SequenceMode.Packed, true, false)]
    [InlineData(SequenceMode.HuggingFace, true, true)]
    [InlineData(SequenceMode.HuggingFace, false, true)]
    public void Position_RestoredAnywhereInThreeEpochs_GoesOnExactly(SequenceMode mode, bool shuffle, bool groupBySize)
    {
        CorpusBatches whole = Sampler(mode, shuffle, groupBySize, seed: 9);
        int steps = whole.BatchesPerEpoch * 3;
        var positions = new List<string>();
        var stream = new List<string>();
        for (int step = 0; step < steps; step++)
        {
            positions.Add(JsonSerializer.Serialize(whole.Position));
            stream.Add(Text(whole.Next()));
        }
        CorpusBatches resumed = Sampler(mode, shuffle, groupBySize, seed: 12345);   // the seed is not what restores
        for (int step = steps - 1; step >= 0; step--)
        {
            resumed.Position = JsonSerializer.Deserialize<JsonElement>(positions[step]);
            Assert.Equal(positions[step], JsonSerializer.Serialize(resumed.Position));
            for (int ahead = step; ahead < Math.Min(step + 3, steps); ahead++)
                Assert.Equal(stream[ahead], Text(resumed.Next()));
        }
    }

    [Fact]
    public void Position_ThatCannotBe_IsRefused()
    {
        CorpusBatches sampler = Sampler(SequenceMode.Packed, shuffle: true, groupBySize: false, seed: 1);
        string position = sampler.Position.GetRawText();
        Assert.Contains("has changed since", Assert.Throws<ArgumentException>(() =>
            sampler.Position = With("batchInEpoch", sampler.BatchesPerEpoch + 1)).Message);
        Assert.Throws<ArgumentException>(() => sampler.Position = With("epoch", -1));
        Assert.Contains("32 hexadecimal", Assert.Throws<ArgumentException>(() =>
            sampler.Position = With("randomState", "xyz")).Message);
        Assert.Contains("epoch, batchInEpoch and randomState", Assert.Throws<ArgumentException>(() =>
            sampler.Position = JsonSerializer.SerializeToElement(new { epoch = 1 })).Message);

        JsonElement With(string name, JsonNode value)
        {
            JsonObject changed = JsonNode.Parse(position)!.AsObject();
            changed[name] = value;
            return JsonSerializer.SerializeToElement(changed);
        }
    }

    [Fact]
    public void Constructor_NoSequences_NamesTheCounts()
    {
        Assert.Contains($"{_file.TokenCount} tokens; expected at least one block of 100000", Assert.Throws<InvalidDataException>(() =>
            new CorpusBatches(_file, SequenceMode.Packed, 100000, 1, shuffle: false, groupBySize: false, seed: 0)).Message);
        Assert.Contains($"Choose a context length of at most {_file.TokenCount}, or a text with at least {100_000 - _file.TokenCount} tokens more.",
            Assert.Throws<InvalidDataException>(() =>
                new CorpusBatches(_file, SequenceMode.Packed, 100_000, 1, shuffle: false, groupBySize: false, seed: 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CorpusBatches(_file, SequenceMode.Packed, 1, 1, shuffle: false,
            groupBySize: false, seed: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CorpusBatches(_file, SequenceMode.HuggingFace, 11, 1, shuffle: false,
            groupBySize: false, seed: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CorpusBatches(_file, SequenceMode.Packed, 16, 0, shuffle: false,
            groupBySize: false, seed: 0));
    }

    private CorpusBatches Sampler(SequenceMode mode, bool shuffle, bool groupBySize, long seed) =>
        new(_file, mode, contextLength: 32, batchSize: 4, shuffle, groupBySize, seed);

    private static string Text(TokenBatch batch) => $"{batch.Rows}x{batch.Columns} [{string.Join(' ', batch.Lengths)}] "
        + $"{string.Join(' ', batch.Ids)}";

    private static string[] Rows(CorpusBatches sampler)
    {
        var rows = new List<string>();
        for (int step = 0; step < sampler.BatchesPerEpoch; step++)
        {
            TokenBatch batch = sampler.Next();
            for (int row = 0; row < batch.Rows; row++)
                rows.Add(string.Join(' ', batch.Ids.Skip(row * batch.Columns).Take(batch.Lengths[row])));
        }
        return [.. rows];
    }
}
