using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests.Files;

public sealed class DurableFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Commit_OlderFile_IsReplacedWhole()
    {
        string path = _folder.Write("a.txt", "old and long");
        DurableFile.WriteText(path, "néw", FileLayer.Disk);
        Assert.Equal("néw"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Single(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Dispose_WithoutCommit_LeavesTheOlderFile()
    {
        string path = _folder.Write("a.txt", "old");
        using (var file = new DurableFile(path, FileLayer.Disk))
            file.Stream.Write("new"u8);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Constructor_SecondWriterOfTheSameFile_IsRefused()
    {
        string path = _folder.File("a.txt");
        using var first = new DurableFile(path, FileLayer.Disk);
        Assert.Throws<IOException>(() => new DurableFile(path, FileLayer.Disk));
        first.Stream.Write("first"u8);
        first.Commit();
        Assert.Equal("first", File.ReadAllText(path));
    }

    [Fact]
    public void Constructor_LeftOverOfACrash_IsOverwritten()
    {
        _folder.Write("a.txt.partial", "half of something");
        DurableFile.WriteText(_folder.File("a.txt"), "x", FileLayer.Disk);
        Assert.Equal("x", File.ReadAllText(_folder.File("a.txt")));
    }

    [Fact]
    public void SyncFolder_MissingFolder_Throws()
    {
        if (OperatingSystem.IsWindows())
            return;   // nothing is synced there
        Assert.Throws<IOException>(() => FileLayer.Disk.SyncFolder(_folder.File("none")));
    }
}
