using System.Text.RegularExpressions;

namespace WebDistill.Web.Tests.Storage;

/// <summary>
/// What writes goes through the file layer: a call of the framework's that changes the disk elsewhere could not be made to fail by a test,
/// and nobody would know what it leaves behind.
/// </summary>
public sealed partial class FileLayerUseTests
{
    // The layer itself, and the lock of the data folder, which holds a file open and writes nothing.
    private static readonly string[] s_allowed = ["FileLayer.cs", "FolderLock.cs"];

    [Fact]
    public void Sources_OutsideTheFileLayer_ChangeNothingOnTheDisk()
    {
        string root = Path.Combine(WebDistillApp.RepositoryRoot, "src");
        string[] files = [.. new[] { "WebDistill.Data", "WebDistill.Distillation", "WebDistill.Web" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(root, project), "*", SearchOption.AllDirectories))
            .Where(file => Path.GetExtension(file) is ".cs" or ".razor" && !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"))];
        Assert.True(files.Length > 200, $"{files.Length} files under {root}");
        string[] found =
        [
            .. from file in files
               where !s_allowed.Contains(Path.GetFileName(file))
               from line in File.ReadLines(file)
               where Writes(line)
               select $"{Path.GetRelativePath(root, file)}: {line.Trim()}",
        ];
        Assert.True(found.Length == 0, "These pass the file layer by:\n" + string.Join("\n", found));
    }

    [Theory]
    [InlineData("        File.Delete(path);")]
    [InlineData("await File.WriteAllTextAsync(path, text);")]
    [InlineData("System.IO.Directory.CreateDirectory(path)")]
    [InlineData("using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);")]
    [InlineData("using FileStream copy = new(partial, FileMode.Open, FileAccess.ReadWrite);")]
    [InlineData("using var writer = new StreamWriter(path);")]
    [InlineData("new DirectoryInfo(path).Delete(recursive: true);")]
    public void Writes_CallThatChangesTheDisk_IsSeen(string line) => Assert.True(Writes(line));

    [Theory]
    [InlineData("using FileStream file = File.OpenRead(path);")]
    [InlineData("new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read)")]
    [InlineData("files.DeleteFile(path);")]
    [InlineData("/// File.Delete is not used here")]
    [InlineData("using var text = new StreamWriter(stream, leaveOpen: true);")]
    public void Writes_CallThatOnlyReads_IsNot(string line) => Assert.False(Writes(line));

    private static bool Writes(string line) => !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && Call().IsMatch(line);

    [GeneratedRegex("""
        \bFile\.(Create|Write|Append|Move|Copy|Delete|Replace|OpenWrite|OpenHandle|Set|Open\()
        | \bDirectory\.(Create|Move|Delete|Set)
        | FileAccess\.(Write|ReadWrite) | FileMode\.(Create|CreateNew|Append|Truncate|OpenOrCreate)
        | new\ StreamWriter\((path|file|[a-zA-Z]*Path)\b
        | \.(Delete\((recursive|true|false)|MoveTo\()
        | ZipFile\. | Path\.GetTemp
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Call();
}
