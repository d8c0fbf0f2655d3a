using System.Text.Json;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Tests.Models.Weights;

/// <summary>Every safetensors file of the golden set, which Hugging Face's own library wrote, against the set's manifest.</summary>
public sealed class SafetensorsGoldenTests
{
    [Fact]
    public void Open_EveryFile_HasTheTensorsOfTheManifest()
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(GoldenData.Path("MANIFEST.json")));
        int files = 0;
        foreach (JsonElement entry in manifest.RootElement.EnumerateArray().Where(entry => entry.TryGetProperty("tensors", out _)))
        {
            using SafetensorsFile file = SafetensorsFile.Open(GoldenData.Path(entry.GetProperty("file").GetString()!));
            Dictionary<string, string> expected = entry.GetProperty("tensors").EnumerateObject().ToDictionary(pair => pair.Name, pair =>
                pair.Value.GetString()!);
            Assert.Equal(expected, file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.ToString()));
            Assert.Equal(entry.GetProperty("sha256").GetString(), file.ComputeSha256());
            Assert.Equal(entry.GetProperty("bytes").GetInt64(), file.FileBytes);
            files++;
        }
        Assert.True(files > 0);
    }

    [Fact]
    public void OpenModel_Shards_HoldTheTensorsOfTheWholeFile()
    {
        using SafetensorsFile shards = SafetensorsFile.OpenModel(GoldenData.Path("layout_variants", "sharded"));
        using SafetensorsFile whole = SafetensorsFile.Open(GoldenData.Path("layout_variants", "with_lm_head.safetensors"));
        Assert.NotEmpty(shards.Tensors);
        foreach (SafetensorsEntry entry in shards.Tensors)
            Assert.True(whole.Bytes(entry.Name).SequenceEqual(shards.Bytes(entry.Name)), entry.Name);
    }

    [Fact]
    public void ReadSingles_HalfLayouts_AreTheRoundedWeights()
    {
        using SafetensorsFile whole = SafetensorsFile.Open(GoldenData.Path("layout_variants", "with_lm_head.safetensors"));
        foreach ((string name, double tolerance) in new[] { ("f16.safetensors", 1.0 / 2048), ("bf16.safetensors", 1.0 / 256) })
        {
            using SafetensorsFile half = SafetensorsFile.Open(GoldenData.Path("layout_variants", name));
            foreach (SafetensorsEntry entry in half.Tensors)
            {
                var rounded = new float[entry.ElementCount];
                var exact = new float[entry.ElementCount];
                half.ReadSingles(entry.Name, rounded);
                whole.ReadSingles(entry.Name, exact);
                for (int i = 0; i < exact.Length; i++)
                    Assert.True(Math.Abs(exact[i] - rounded[i]) <= tolerance * Math.Abs(exact[i]) + 1e-7,
                        $"{name} {entry.Name} {i}: {exact[i]} {rounded[i]}");
            }
        }
    }
}
