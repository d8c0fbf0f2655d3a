namespace WebDistill.Distillation.Tests;

/// <summary>No file of code is so long that it must be read for more than one purpose.</summary>
public sealed class SourceFilesTests
{
    private const int MostLines = 399;

    private static readonly string[] s_kinds = [".cs", ".razor", ".js", ".mjs", ".css"];

    [Fact]
    public void Files_OfTheTree_AreShort()
    {
        string root = ContributingTests.FindRoot();
        string[] files = [.. new[] { "src", "tests", "benchmarks", "wwwroot", "docs" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(root, folder), "*", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            // What the build makes, and libraries of others.
            .Where(file => s_kinds.Contains(Path.GetExtension(file)) && !file.StartsWith("wwwroot/lib/", StringComparison.Ordinal)
                && !file.Split('/').Any(part => part is "obj" or "bin" or "node_modules"))];
        Assert.True(files.Length > 400 && s_kinds.All(kind => files.Any(file => file.EndsWith(kind, StringComparison.Ordinal))), $"{files.Length} files were looked at");
        Assert.Equal([], files.Select(file => (file, Lines: File.ReadLines(Path.Combine(root, file)).Count()))
            .Where(file => file.Lines > MostLines).Select(file => $"{file.file}: {file.Lines} lines"));
    }
}
