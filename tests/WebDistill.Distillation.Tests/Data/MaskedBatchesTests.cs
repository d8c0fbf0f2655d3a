using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data;

public sealed class MaskedBatchesTests : IDisposable
{
    private const int Vocabulary = 60;
    private static readonly TokenRoles s_roles = new(2, 3, 0, 1, 4);

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _file;

    public MaskedBatchesTests()
    {
        var random = new SeededRandom(3);
        using (var writer = new TokenFileWriter(_folder.File("tokens.bin"), Vocabulary, s_roles, new string('0', 64), FileLayer.Disk))
        {
            for (int document = 0; document < 40; document++)
                writer.AppendDocument([2, .. Enumerable.Range(0, 12 + (int)(random.NextBits() % 30)).Select(_ => 5 + (int)(random.NextBits() % (Vocabulary - 5)))]);
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
    public void Next_IsAFunctionOfSeedAndBatch_AndDrawsAnewInEveryEpoch()
    {
        using MaskedBatches one = Masked(seed: 5), again = Masked(seed: 5), other = Masked(seed: 6);
        string[] first = Texts(one, one.BatchesPerEpoch), second = Texts(one, one.BatchesPerEpoch);
        Assert.Equal(first, Texts(again, again.BatchesPerEpoch));
        Assert.NotEqual(first, Texts(other, other.BatchesPerEpoch));
        // Not shuffled: the same sequences, with others of their tokens hidden.
        Assert.NotEqual(first, second);
        Assert.Equal(Texts(Plain(shuffle: false), one.BatchesPerEpoch), Restored(5));

        string[] Restored(long seed)
        {
            using MaskedBatches masked = Masked(seed);
            return [.. Enumerable.Range(0, masked.BatchesPerEpoch).Select(_ =>
            {
                TokenBatch batch = masked.Next();
                return Text(batch with { Labels = null, Ids = [.. batch.Ids.Select((id, i) => batch.Labels![i] >= 0 ? batch.Labels[i] : id)] });
            })];
        }
    }

    [Fact]
    public void Epoch_IsThatOfTheSequences()
    {
        using MaskedBatches masked = Masked(seed: 1);
        using CorpusBatches plain = Plain(shuffle: false);
        Assert.Equal((plain.BatchesPerEpoch, plain.Epoch), (masked.BatchesPerEpoch, masked.Epoch));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Position_RestoredAnywhereInThreeEpochs_GoesOnExactly(bool shuffle)
    {
        using MaskedBatches whole = Masked(seed: 9, shuffle);
        int steps = whole.BatchesPerEpoch * 3;
        List<string> positions = [], stream = [];
        for (int step = 0; step < steps; step++)
        {
            positions.Add(JsonSerializer.Serialize(whole.Position));
            stream.Add(Text(whole.Next()));
        }
        using MaskedBatches resumed = Masked(seed: 12345, shuffle);   // the seed is not what restores
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
        using MaskedBatches masked = Masked(seed: 1);
        string position = masked.Position.GetRawText();
        Assert.Contains("expected 0 or more", Assert.Throws<ArgumentException>(() => masked.Position = With("batch", -1)).Message);
        Assert.Contains("sequences, batch and seed", Assert.Throws<ArgumentException>(() => masked.Position = JsonSerializer.SerializeToElement(new { batch = 1 })).Message);
        Assert.Contains("has changed since", Assert.Throws<ArgumentException>(() =>
            masked.Position = With("sequences", JsonNode.Parse(position)!["sequences"]!.DeepClone() is JsonObject place && (place["batchInEpoch"] = 10_000) is not null ? place : null)).Message);
        // What was refused has changed nothing.
        Assert.Equal(position, masked.Position.GetRawText());

        JsonElement With(string name, JsonNode? value)
        {
            JsonObject changed = JsonNode.Parse(position)!.AsObject();
            changed[name] = value;
            return JsonSerializer.SerializeToElement(changed);
        }
    }

    [Fact]
    public void Counts_AreOfTheWholeFile()
    {
        long[] counts = MaskDraw.Counts(_file);
        Assert.Equal(_file.TokenCount, counts.Sum());
        Assert.Equal((_file.DocumentCount, _file.DocumentCount), (counts[2], counts[3]));
        Assert.Equal(0, counts[4]);
    }

    [Fact]
    public void Construct_OverATextWithoutAMask_OrWithOptionsThatCannotBe_IsRefused()
    {
        using (var writer = new TokenFileWriter(_folder.File("gpt.bin"), 100, endOfTextId: 99, new string('0', 64), FileLayer.Disk))
        {
            writer.AppendDocument([.. Enumerable.Repeat(5, 50)]);
            writer.Commit();
        }
        using TokenFile file = TokenFile.Open(_folder.File("gpt.bin"));
        using var sequences = new CorpusBatches(file, SequenceMode.Packed, 16, 1, shuffle: false, groupBySize: false, seed: 0);
        Assert.Contains("has no mask; expected one that has", Assert.Throws<ArgumentException>(() => new MaskedBatches(sequences, file, new(), 0)).Message);
        Assert.Contains("together, expected 1", Assert.Throws<ArgumentException>(() => new MaskedBatches(sequences, _file, new() { MaskShare = 0.9 }, 0)).Message);
    }

    private MaskedBatches Masked(long seed, bool shuffle = false) => new(Plain(shuffle), _file, new(), seed);

    private CorpusBatches Plain(bool shuffle) => new(_file, SequenceMode.HuggingFace, 32, 4, shuffle, groupBySize: shuffle, seed: 2);

    private static string[] Texts(BatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => Text(source.Next()))];

    private static string Text(TokenBatch batch) => $"{string.Join(' ', batch.Ids)} | {string.Join(' ', batch.Lengths)} | {string.Join(' ', batch.Labels ?? [])}";
}
