using System.Security.Cryptography;
using System.Text.Json;

namespace WebDistill.Distillation.Tests;

public sealed class GoldenManifestTests
{
    [Fact]
    public void RepositorySet_EveryFile_HasTheSizeAndHashOfTheManifest()
    {
        string folder = Path.Combine(GoldenData.RepositoryRoot, "tests", "golden");
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "MANIFEST.json")));
        var listed = new HashSet<string>();
        foreach (JsonElement entry in manifest.RootElement.EnumerateArray())
        {
            string name = entry.GetProperty("file").GetString()!;
            byte[] content = File.ReadAllBytes(Path.Combine(folder, name));
            Assert.Equal(entry.GetProperty("bytes").GetInt64(), content.LongLength);
            Assert.Equal(entry.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(content)));
            listed.Add(name);
        }
        IEnumerable<string> present = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/'))
            .Where(name => name is not ("MANIFEST.json" or "README.md"));
        Assert.Equal(listed.Order(StringComparer.Ordinal), present.Order(StringComparer.Ordinal));
    }
}
