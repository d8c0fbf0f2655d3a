using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests;

/// <summary>Models and texts small enough that a test trains them in a moment.</summary>
internal static class SmallModels
{
    public const int Vocabulary = 37;

    public static Gpt2Config Config(int layers = 2, int width = 16, int vocabulary = Vocabulary, int positions = 24) => new()
    {
        VocabSize = vocabulary,
        NPositions = positions,
        NEmbd = width,
        NLayer = layers,
        NHead = 2,
        InitializerRange = 0.2,
        EmbdPdrop = 0,
        AttnPdrop = 0,
        ResidPdrop = 0,
        BosTokenId = vocabulary - 1,
        EosTokenId = vocabulary - 1,
    };

    public static TextModel Random(long seed, int layers = 2, int width = 16, int vocabulary = Vocabulary) =>
        TextModel.CreateRandom(Config(layers, width, vocabulary), seed);

    /// <summary>A token file of documents that repeat themselves with variations.</summary>
    public static TokenFile Tokens(
        TemporaryFolder folder, int documents = 40, int vocabulary = Vocabulary, string name = "tokens.bin", string hash = "")
    {
        var random = new SeededRandom(documents);
        string path = folder.File(name);
        using (var writer = new TokenFileWriter(path, vocabulary, vocabulary - 1, hash.PadLeft(64, '0'), FileLayer.Disk))
        {
            for (int document = 0; document < documents; document++)
                writer.AppendDocument([.. Enumerable.Range(0, 12 + (int)(random.NextDouble() * 10))
                    .Select(i => (i * 5 + (int)(random.NextDouble() * 3)) % (vocabulary - 1))]);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }

    /// <summary>Batches of random tokens, cut to the lengths given.</summary>
    public static TokenBatch Batch(long seed, params int[] lengths)
    {
        var random = new SeededRandom(seed);
        return GoldenFiles.Batch([.. lengths
            .Select(length => Enumerable.Range(0, length).Select(_ => (int)(random.NextDouble() * Vocabulary)).ToArray())], Vocabulary - 1);
    }

    public static Dictionary<string, float[]> Weights(TextModel model) =>
        model.named_parameters().ToDictionary(pair => pair.Item1, pair => ParameterData.ToArray(pair.Item2));
}
