using System.Text;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

public sealed class CorpusSampleTests
{
    private static CorpusSample Read(byte[] head, string format, bool isWhole, bool unwrap = false) =>
        CorpusSample.Read("tale.txt", head, isWhole, new CorpusOptions { Format = format, UnwrapLines = unwrap });

    [Fact]
    public void Read_ABeginning_LeavesOutTheDocumentThatIsCut()
    {
        CorpusSample sample = Read("one\n\ntwo\n\nthr"u8.ToArray(), "text-paragraphs", isWhole: false);
        Assert.Equal(["one", "two"], sample.Documents);
        Assert.False(sample.EndsInside);
        Assert.Equal(["one", "two", "thr"], Read("one\n\ntwo\n\nthr"u8.ToArray(), "text-paragraphs", isWhole: true).Documents);
    }

    [Fact]
    public void Read_OneLongDocument_IsShownAsFarAsItGoesWithoutHalfACharacter()
    {
        byte[] head = Encoding.UTF8.GetBytes("Grüße aus Köl");
        byte[] cut = [.. head, 0xC3];
        CorpusSample sample = Read(cut, "text-whole", isWhole: false);
        Assert.Equal(["Grüße aus Köl"], sample.Documents);
        Assert.True(sample.EndsInside);
    }

    [Fact]
    public void Read_WholeText_HoldsNothingOut() => Assert.Equal(["a b\n\nc"], Read("a\nb\n\nc\n"u8.ToArray(), "text-whole", isWhole: true, unwrap: true).Documents);

    [Theory]
    [InlineData("text-paragraphs", new byte[] { 0x61, 0x00, 0x62 }, "byte 1 is 0")]
    [InlineData("text-paragraphs", new byte[] { 0xFF, 0xFE, 0x61, 0x00 }, "UTF-16")]
    [InlineData("text-lines", new byte[] { 0x61, 0xE9, 0x0A }, "byte 1 is 0xE9")]
    [InlineData("text-lines", new byte[0], "0 bytes")]
    [InlineData("json-lines", new byte[] { 0x7B, 0x22 }, "the first line is longer than 2 bytes")]
    public void Read_WhatIsNoText_IsRefusedSayingWhere(string format, byte[] head, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Read(head, format, isWhole: false)).Message);
}
