using System.Buffers.Binary;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledFileTests : IDisposable
{
    private static readonly string[] s_classes = ["no", "yes \"ü\""];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(300)]
    [InlineData(70_000)]
    public void Write_ThenOpen_GivesBackPairsClassesAndVocabulary(int vocabularySize)
    {
        using LabelledFile file = LabelledFile.Open(Write(vocabularySize, pairs: true, ([5, vocabularySize - 1], [7, 8, 9], 1), ([], [6], 0)));
        Assert.Equal((2, 6, true, vocabularySize), (file.ExampleCount, file.TokenCount, file.HoldsPairs, file.VocabularySize));
        Assert.Equal(s_classes, file.Classes);
        Assert.Equal((new TokenRoles(2, 3, 0, 1, 4), new string('a', 64)), (file.Roles, file.TokenizerSha256));
        Assert.Equal([new(0, 2, 3, 1), new TokenExample(5, 0, 1, 0)], Enumerable.Range(0, 2).Select(index => file.Example(index)));
        var ids = new int[6];
        file.Read(0, ids);
        Assert.Equal([5, vocabularySize - 1, 7, 8, 9, 6], ids);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(1, ids));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Example(2));
    }

    [Fact]
    public void Write_SingleTexts_HaveNoSecond()
    {
        using LabelledFile file = LabelledFile.Open(Write(300, pairs: false, ([5, 6], [], 1), ([7], [], 0)));
        Assert.Equal([new(0, 2, 0, 1), new TokenExample(2, 1, 0, 0)], Enumerable.Range(0, 2).Select(index => file.Example(index)));
    }

    [Fact]
    public void Append_WhatCannotBe_IsRefused_AndLeavesNothingWithoutCommit()
    {
        using (var writer = new LabelledFileWriter(_folder.File("t.bin"), Vocabulary(300), s_classes, holdsPairs: false, FileLayer.Disk))
        {
            Assert.Contains("token 1 is 300; expected 0 to 299", Assert.Throws<ArgumentException>(() => writer.Append([5, 300], [], 0)).Message);
            Assert.Contains("class 2; expected 0 to 1", Assert.Throws<ArgumentException>(() => writer.Append([5], [], 2)).Message);
            Assert.Contains("second text of 1 tokens; expected none", Assert.Throws<ArgumentException>(() => writer.Append([5], [6], 0)).Message);
        }
        Assert.Contains("1 classes; expected 2", Assert.Throws<ArgumentException>(() => new LabelledFileWriter(_folder.File("t.bin"), Vocabulary(300), ["one"], false, FileLayer.Disk)).Message);
        var single = new Vocabulary([.. Enumerable.Range(0, 300).Select(_ => new byte[] { 32 })], 0, new string('a', 64));
        Assert.Contains("no id to put between them", Assert.Throws<ArgumentException>(() => new LabelledFileWriter(_folder.File("t.bin"), single, s_classes, true, FileLayer.Disk)).Message);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        byte[] whole = File.ReadAllBytes(Write(300, pairs: true, ([5], [7, 8], 1), ([], [6], 0)));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _folder.Write("cut.bin", whole.AsSpan(0, length));
            Assert.Contains("Prepare the data set again", Assert.Throws<InvalidDataException>(() => LabelledFile.Open(path)).Message);
        }
        Assert.Contains("truncated or damaged", Assert.Throws<InvalidDataException>(() => LabelledFile.Open(_folder.Write("long.bin", [.. whole, 0]))).Message);
        Assert.Contains("missing", Assert.Throws<InvalidDataException>(() => LabelledFile.Open(_folder.File("gone.bin"))).Message);
    }

    /// <summary>Positions from the header's beginning, or, negative, from the file's end.</summary>
    [Theory]
    [InlineData(0, 'X', "expected a labelled file")]
    [InlineData(8, 2, "version 2; expected 1")]
    [InlineData(12, 4, "4 bytes per token; expected 2")]
    [InlineData(16, 1_000_000, "1000000 tokens")]
    [InlineData(24, 100, "100 examples")]
    [InlineData(32, 3, "3 texts per example; expected 1 or 2")]
    [InlineData(36, 3, "an id with a role of its own is")]
    [InlineData(72, 1, "1 classes")]
    [InlineData(72, 3, "2 names of classes; expected 3")]
    [InlineData(76, -1, "names of -1 bytes")]
    [InlineData(88, 300, "an id with a role of its own is 300")]
    [InlineData(-4, 2, "example 1 is of class 2; expected 0 to 1")]
    [InlineData(-16, 9, "text 3 has -5 tokens")]
    [InlineData(-40, 1, "first text begins at token 1")]
    public void Open_WhatIsDamaged_IsRefusedSayingWhy(int position, int value, string reason)
    {
        byte[] content = File.ReadAllBytes(Write(300, pairs: true, ([5], [7, 8], 1), ([], [6], 0)));
        BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(position < 0 ? content.Length + position : position), value);
        string message = Assert.Throws<InvalidDataException>(() => LabelledFile.Open(_folder.Write("bad.bin", content))).Message;
        Assert.Contains(reason, message);
        Assert.Contains("repare the data set again", message);
    }

    [Fact]
    public void Read_IdOutsideTheVocabulary_IsRefused()
    {
        byte[] content = File.ReadAllBytes(Write(300, pairs: false, ([5, 6], [], 1), ([7], [], 0)));
        BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan(LabelledFileHeader.Bytes + 2), 300);
        using LabelledFile file = LabelledFile.Open(_folder.Write("bad.bin", content));
        Assert.Contains("token 1 is 300; expected an id below the vocabulary size 300", Assert.Throws<InvalidDataException>(() => file.Read(0, new int[3])).Message);
    }

    private string Write(int vocabularySize, bool pairs, params (int[] First, int[] Second, int Class)[] examples)
    {
        using var writer = new LabelledFileWriter(_folder.File("t.bin"), Vocabulary(vocabularySize), s_classes, pairs, FileLayer.Disk);
        foreach ((int[] first, int[] second, int label) in examples)
            writer.Append(first, second, label);
        writer.Commit();
        return _folder.File("t.bin");
    }

    private static Vocabulary Vocabulary(int size) => new([.. Enumerable.Range(0, size).Select(_ => new byte[] { 32 })], new TokenRoles(2, 3, 0, 1, 4), new string('a', 64));
}
