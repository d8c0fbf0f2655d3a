using System.Buffers.Binary;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed class TokenFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(50257)]
    [InlineData(65536)]
    [InlineData(65537)]
    public void Write_ThenOpen_GivesBackStreamAndDocuments(int vocabularySize)
    {
        int[][] documents = [[1, 2, vocabularySize - 1], [], [7]];
        string path = Write(documents, vocabularySize);
        using TokenFile file = TokenFile.Open(path);
        Assert.Equal(7, file.TokenCount);
        Assert.Equal(3, file.DocumentCount);
        Assert.Equal(vocabularySize, file.VocabularySize);
        Assert.Equal(5, file.EndOfTextId);
        Assert.Equal(string.Concat(Enumerable.Repeat("0f", 32)), file.TokenizerSha256);
        var ids = new int[7];
        file.Read(0, ids);
        Assert.Equal([1, 2, vocabularySize - 1, 5, 5, 7, 5], ids);
        Assert.Equal([new TokenDocument(0, 3), new TokenDocument(4, 0), new TokenDocument(5, 1)], Enumerable.Range(0, 3).Select(index =>
            file.Document(index)));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(1, ids));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(-1, ids));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Document(3));
        Assert.Equal(80 + (vocabularySize <= 65536 ? 16 : 32) + 24, new FileInfo(path).Length);
    }

    [Fact]
    public void Write_NoDocuments_IsAnEmptyStream()
    {
        using TokenFile file = TokenFile.Open(Write([], 100));
        Assert.Equal(0, file.TokenCount);
        Assert.Equal(0, file.DocumentCount);
    }

    [Fact]
    public void AppendDocument_IdOutsideTheVocabulary_IsRefused()
    {
        using var writer = new TokenFileWriter(_folder.File("t.bin"), 100, 5, new string('0', 64), FileLayer.Disk);
        Assert.Contains("token 1 is 100; expected 0 to 99", Assert.Throws<ArgumentException>(() => writer.AppendDocument([3,
            100])).Message);
        Assert.Throws<ArgumentException>(() => writer.AppendDocument([-1]));
        Assert.Throws<ArgumentException>(() => new TokenFileWriter(_folder.File("u.bin"), 100, 100, new string('0', 64), FileLayer.Disk));
        Assert.Throws<ArgumentException>(() => new TokenFileWriter(_folder.File("u.bin"), 100, 5, "short", FileLayer.Disk));
    }

    [Fact]
    public void Dispose_WithoutCommit_LeavesNothing()
    {
        using (var writer = new TokenFileWriter(_folder.File("t.bin"), 100, 5, new string('0', 64), FileLayer.Disk))
            writer.AppendDocument([1]);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        byte[] whole = File.ReadAllBytes(Write([[1, 2, 3], [4]], 100));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _folder.Write("cut.bin", whole.AsSpan(0, length));
            Assert.Contains("Prepare the data set again", Assert.Throws<InvalidDataException>(() => TokenFile.Open(path)).Message);
        }
        Assert.Contains("truncated or damaged", Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.Write("long.bin",
            [.. whole, 0]))).Message);
    }

    [Theory]
    [InlineData(0, 'X', "expected a token file")]
    [InlineData(8, 3, "version 3; expected 1 or 2")]
    [InlineData(12, 4, "4 bytes per token; expected 2")]
    [InlineData(16, 1_000_000, "1000000 tokens")]
    [InlineData(24, 100, "100 documents")]
    [InlineData(32, 0, "vocabulary size 0")]
    [InlineData(36, 200, "end-of-text id 200")]
    public void Open_WrongHeader_IsRefusedSayingWhy(int position, int value, string reason)
    {
        byte[] content = File.ReadAllBytes(Write([[1, 2, 3], [4]], 100));
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(position), value);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.Write("bad.bin", content)));
        Assert.Contains(reason, refusal.Message);
        Assert.Contains("Prepare the data set again", refusal.Message);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(70_000)]
    public void Write_RolesOfTheirOwn_AreReadBack(int vocabularySize)
    {
        var roles = new TokenRoles(2, 5, 0, 1, 4);
        using TokenFile file = TokenFile.Open(Write([[2, 7, 8], [2, vocabularySize - 1]], vocabularySize, roles));
        Assert.Equal((roles, 5, 7), (file.Roles, file.EndOfTextId, file.TokenCount));
        var ids = new int[7];
        file.Read(0, ids);
        Assert.Equal([2, 7, 8, 5, 2, vocabularySize - 1, 5], ids);
        Assert.False(file.HoldsEndOfText(file.Document(1)));
        using TokenFile withoutMask = TokenFile.Open(Write([[2, 7]], vocabularySize, roles with { Mask = null }));
        Assert.Null(withoutMask.Roles.Mask);
        // One id for everything is written as it always was.
        using TokenFile single = TokenFile.Open(Write([[2, 7]], vocabularySize));
        Assert.Equal(TokenRoles.Single(5), single.Roles);
    }

    [Fact]
    public void Open_RolesOfTheirOwn_EveryTruncationAndEveryIdOutsideTheVocabulary_IsRefused()
    {
        byte[] whole = File.ReadAllBytes(Write([[2, 7, 8], [2, 4]], 100, new TokenRoles(2, 5, 0, 1, 4)));
        for (int length = 0; length < whole.Length; length++)
            Assert.Contains("Prepare the data set again", Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.Write("cut.bin", whole.AsSpan(0, length)))).Message);
        foreach (int position in new[] { 80, 84, 88, 92 })
        {
            byte[] content = [.. whole];
            BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(position), 100);
            Assert.Contains("an id with a role of its own is 100; expected one inside the vocabulary",
                Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.Write("bad.bin", content))).Message);
        }
        Assert.Throws<ArgumentException>(() => new TokenFileWriter(_folder.File("u.bin"), 100, new TokenRoles(2, 5, 0, 100, 4), new string('0', 64), FileLayer.Disk));
    }

    [Fact]
    public void Open_DamagedDocumentTable_IsRefused()
    {
        byte[] content = File.ReadAllBytes(Write([[1, 2, 3], [4]], 100));
        BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(content.Length - 8),
            6);   // the second document would begin after the stream's end
        Assert.Contains("document 1 has -1 tokens", Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.Write("bad.bin",
            content))).Message);
        BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(content.Length - 16), 1);
        Assert.Contains("first document begins at token 1", Assert.Throws<InvalidDataException>(() =>
            TokenFile.Open(_folder.Write("bad.bin", content))).Message);
    }

    [Fact]
    public void Read_IdOutsideTheVocabulary_IsRefused()
    {
        byte[] content = File.ReadAllBytes(Write([[1, 2, 3]], 100));
        BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan(80 + 2), 100);
        using TokenFile file = TokenFile.Open(_folder.Write("bad.bin", content));
        var ids = new int[4];
        Assert.Contains("token 1 is 100; expected an id below the vocabulary size 100", Assert.Throws<InvalidDataException>(() =>
            file.Read(0, ids)).Message);
    }

    [Fact]
    public void Open_MissingFile_IsRefused() => Assert.Throws<InvalidDataException>(() => TokenFile.Open(_folder.File("none.bin")));

    private string Write(int[][] documents, int vocabularySize, TokenRoles? roles = null)
    {
        string path = _folder.File($"{Guid.NewGuid():N}.bin");
        using var writer = new TokenFileWriter(path, vocabularySize, roles ?? TokenRoles.Single(5), string.Concat(Enumerable.Repeat("0f", 32)), FileLayer.Disk);
        foreach (int[] document in documents)
            writer.AppendDocument(document);
        writer.Commit();
        return path;
    }
}
