using System.Security.Cryptography;
using System.Text.Json;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Tests;

public sealed class GoldenManifestTests
{
    /// <summary>Fails with the lines that MANIFEST.json lacks, as they are to stand there, and those that fit no file.</summary>
    [Fact]
    public void RepositorySet_EveryFile_HasTheSizeAndHashOfTheManifest()
    {
        string folder = Path.Combine(GoldenData.RepositoryRoot, "tests", "golden");
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "MANIFEST.json")));
        Dictionary<string, (long Bytes, string Sha256)> listed = manifest.RootElement.EnumerateArray().ToDictionary(
            entry => entry.GetProperty("file").GetString()!, entry => (entry.GetProperty("bytes").GetInt64(), entry.GetProperty("sha256").GetString()!));
        Dictionary<string, (long Bytes, string Sha256)> present = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(folder, path).Replace('\\', '/'), path => File.ReadAllBytes(path) is var content
                ? ((long)content.Length, Convert.ToHexStringLower(SHA256.HashData(content))) : default);
        foreach (string aside in new[] { "MANIFEST.json", "README.md" })
            Assert.True(present.Remove(aside), $"{aside} is missing.");

        string[] lacking = [.. present.Except(listed).OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => Line(folder, file.Key, file.Value))];
        string[] stale = [.. listed.Except(present).Select(file => file.Key).Order(StringComparer.Ordinal)];
        Assert.True(lacking.Length == 0 && stale.Length == 0, $"MANIFEST.json lacks these lines:\n{string.Join(",\n", lacking)}\nand its lines of these files fit none: "
            + $"{string.Join(", ", stale)}");
    }

    private static string Line(string folder, string name, (long Bytes, string Sha256) file)
    {
        string tensors = "";
        if (name.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            using SafetensorsFile opened = SafetensorsFile.Open(Path.Combine(folder, name));
            tensors = $", \"tensors\": {{{string.Join(", ", opened.Tensors.Select(tensor => $"\"{tensor.Name}\": \"{tensor}\""))}}}";
        }
        return $"{{\"file\": \"{name}\", \"bytes\": {file.Bytes}, \"sha256\": \"{file.Sha256}\"{tensors}}}";
    }
}
