using System.Security.Cryptography;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Tests.Models;

public sealed class ModelFilesTests
{
    [Fact]
    public void Save_LoadedAgain_IsBitIdentical()
    {
        using var folder = new TemporaryFolder();
        using TextModel model = SmallModels.Random(7);
        ModelFiles.Save(model, folder.Path, FileLayer.Disk);
        using TextModel again = ModelFiles.Load(folder.Path);
        Assert.Equal(model.Architecture, again.Architecture);
        Dictionary<string, float[]> expected = SmallModels.Weights(model);
        foreach ((string name, float[] weights) in SmallModels.Weights(again))
            Assert.Equal(expected[name], weights);
        string first = Hash(folder);
        ModelFiles.Save(again, folder.Path, FileLayer.Disk);
        Assert.Equal(first, Hash(folder));
        using SafetensorsFile file = SafetensorsFile.OpenModel(folder.Path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.All(file.Tensors, entry => Assert.StartsWith("transformer.", entry.Name));
    }

    [Fact]
    public void Inspect_SavedModel_DescribesIt()
    {
        using var folder = new TemporaryFolder();
        using TextModel model = SmallModels.Random(7);
        ModelFiles.Save(model, folder.Path, FileLayer.Disk);
        CheckpointInfo info = ModelFiles.Inspect(folder.Path);
        Assert.Equal(model.Architecture, info.Architecture);
        Assert.Equal(model.named_parameters().Sum(pair => pair.Item2.numel()), info.ParameterCount);
        Assert.Equal(new FileInfo(folder.File("model.safetensors")).Length, info.WeightBytes);
        Assert.Equal(Hash(folder), info.WeightsSha256);
        Assert.Equal("F32", info.DataType);
        Assert.Equal(info, ModelFiles.Describe(folder.Path, info.WeightsSha256));
    }

    [Fact]
    public void Describe_FileCutShort_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using TextModel model = SmallModels.Random(7);
        CheckpointInfo info = ModelFiles.Save(model, folder.Path, FileLayer.Disk);
        using (FileStream weights = File.OpenWrite(folder.File("model.safetensors")))
            weights.SetLength(weights.Length - 4);
        Assert.Throws<InvalidDataException>(() => ModelFiles.Describe(folder.Path, info.WeightsSha256));
    }

    public static TheoryData<string, Func<List<(string, long[], float)>, List<(string, long[], float)>>, string[]> Damages() => new()
    {
        { "missing", all => [.. all.Where(t => t.Item1 != "h.1.ln_2.bias")], ["missing", "'h.1.ln_2.bias'"] },
        { "extra", all => [.. all, ("h.2.ln_2.bias", [16], 0)], ["not part", "'h.2.ln_2.bias'"] },
        { "shape", all => [.. all.Select(t => t.Item1 == "wpe.weight" ? (t.Item1, [23, 16], 0f) : t)],
            ["'wpe.weight'", "[23, 16]", "[24, 16]"] },
        { "transposed", all => [.. all.Select(t => t.Item1 == "h.0.attn.c_attn.weight" ? (t.Item1, [48, 16], 0f) : t)],
            ["'h.0.attn.c_attn.weight'", "[48, 16]", "[16, 48]"] },
        { "twice", all => [.. all, ("transformer.ln_f.bias", [16], 0)], ["'ln_f.bias'", "'transformer.ln_f.bias'"] },
        { "NaN", all => [.. all.Select(t => t.Item1 == "ln_f.weight" ? (t.Item1, t.Item2, float.NaN) : t)], ["'ln_f.weight'", "NaN"] },
        { "head", all => [.. all, ("lm_head.weight", [37, 16], 0.25f)], ["'lm_head.weight'", "differs"] },
        { "head's shape", all => [.. all, ("lm_head.weight", [36, 16], 0.25f)], ["'lm_head.weight'", "[36, 16]", "[37, 16]"] },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void Load_DamagedWeights_NamesTheTensor(
        string what, Func<List<(string, long[], float)>, List<(string, long[], float)>> damage, string[] expected)
    {
        using var folder = new TemporaryFolder();
        Gpt2Config config = SmallModels.Config();
        List<(string, long[], float)> tensors =
            damage([.. config.Family.Weights(config).Select(weight => (weight.Name, weight.Shape, 0.5f))]);
        File.WriteAllText(folder.File("config.json"), config.ToJson());
        SafetensorsWriter.Write(folder.File("model.safetensors"),
            [.. tensors.Select(t => SafetensorsTensor.Single(t.Item1, t.Item2, values => values.Fill(t.Item3)))], FileLayer.Disk);
        string message = Assert.Throws<InvalidDataException>(() => ModelFiles.Load(folder.Path)).Message;
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => ModelFiles.Inspect(folder.Path)).Message);
        Assert.All(expected, part => Assert.True(message.Contains(part), $"{what}: {message}"));
    }

    [Fact]
    public void Load_IntegerWeights_NamesTheTypes()
    {
        using var folder = new TemporaryFolder();
        Gpt2Config config = SmallModels.Config();
        File.WriteAllText(folder.File("config.json"), config.ToJson());
        SafetensorsWriter.Write(folder.File("model.safetensors"), [.. config.Family.Weights(config)
            .Select(weight => SafetensorsTensor.Int64(weight.Name, weight.Shape, values => values.Clear()))], FileLayer.Disk);
        string message = Assert.Throws<InvalidDataException>(() => ModelFiles.Load(folder.Path)).Message;
        Assert.Contains("I64", message);
        Assert.Contains("BF16", message);
    }

    private static string Hash(TemporaryFolder folder) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(folder.File("model.safetensors"))));
}
