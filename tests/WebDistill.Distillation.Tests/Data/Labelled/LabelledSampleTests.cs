using System.Text;
using WebDistill.Distillation.Data.Labelled;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledSampleTests
{
    private static readonly LabelledSampleOptions s_nothing = new();

    [Theory]
    [InlineData("bank.csv", "text,category\nHow?,a\nWhy?,b\n", "csv", true, "text", null, "category")]
    [InlineData("news.csv", "\"3\",\"Title\",\"A long description, indeed\"\n\"4\",\"Other\",\"Another long description\"\n\"3\",\"More\",\"And one more of them\"\n", "csv", false, "3", null, "1")]
    [InlineData("cola.tsv", "gj04\t1\t\tThe sailors rode.\ngj04\t0\t*\tThe more we.\n", "tsv", false, "4", null, "2")]
    [InlineData("mrpc.txt", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\tOne\tAnother\n0\t4\t5\tTwo\tThree\n", "tsv", true, "#1 String", "#2 String", "Quality")]
    [InlineData("rte.tsv", "index\tsentence1\tsentence2\tlabel\n0\tOne\tTwo\tyes\n", "tsv", true, "sentence1", "sentence2", "label")]
    [InlineData("a.jsonl", "{\"id\": 4, \"sentence\": \"One\", \"label\": 1}\n", "json-lines", false, "sentence", null, "label")]
    [InlineData("trec.txt", "0 How ?\n1 What ?\n0 Who ?\n1 Where ?\n", "label-first", true, "text", null, "label")]
    [InlineData("mark.txt", "__label__a How ?\n__label__b What ?\n__label__a x\n__label__b y\n", "label-first", true, "text", null, "label")]
    public void Read_AFileOfExamples_GuessesItsColumns(string name, string content, string format, bool hasHeader, string text, string? second, string label)
    {
        LabelledSample sample = Read(name, content, s_nothing);
        Assert.Null(sample.Problem);
        Assert.True(sample.LooksLabelled);
        Assert.Equal((format, hasHeader, text, second, label), (sample.Options.Format, sample.Options.HasHeader, sample.Options.TextColumn, sample.Options.SecondColumn, sample.Options.LabelColumn));
        Assert.NotEmpty(sample.Examples);
        Assert.Equal(sample.Examples.Count, sample.Classes.Counts.Sum());
    }

    [Theory]
    [InlineData("novel.txt", "It was the best of times,\nit was the worst of times.\n")]
    [InlineData("list.txt", "1 apples\n2 pears\n3 plums\n")]
    [InlineData("novel.txt", "A tab\there\nand none there\n")]
    [InlineData("stories.jsonl", "{\"text\": \"One\"}\n")]
    [InlineData("stories.jsonl", "{\"story\": \"One\", \"year\": 3}\n")]
    [InlineData("one.csv", "text\nOne\n")]
    public void Read_AText_DoesNotLookLabelled(string name, string content) => Assert.False(Read(name, content, s_nothing).LooksLabelled);

    [Fact]
    public void Read_ColumnsThatAreAsked_AreTaken_AndAWrongOneLeavesTheChoice()
    {
        const string content = "text,a,b\nx,1,2\ny,3,4\n";
        LabelledSample sample = Read("a.csv", content, new() { TextColumn = "text", LabelColumn = "b", SecondColumn = "a" });
        Assert.Equal([new("x", "1", "2", 2), new LabelledExample("y", "3", "4", 3)], sample.Examples);
        Assert.Equal([new("text", "x"), new("a", "1"), new LabelledColumn("b", "2")], sample.Columns);
        Assert.Equal(["2", "4"], sample.Classes.Names);
        Assert.Equal([new("1", "text"), new("2", "a"), new LabelledColumn("3", "b")], Read("a.csv", content, new() { HasHeader = false }).Columns);

        LabelledSample wrong = Read("a.csv", content, new() { TextColumn = "text", LabelColumn = "c" });
        Assert.Contains("a.csv, line 1: no column 'c' for the class", wrong.Problem);
        Assert.Equal(3, wrong.Columns.Count);
        Assert.Contains("is to hold the text and the class", Read("a.csv", content, new() { TextColumn = "a", LabelColumn = "a" }).Problem);
        LabelledSample ragged = Read("a.csv", content + "z\n", s_nothing);
        Assert.Contains("a.csv, line 4: 1 columns; expected 3", ragged.Problem);
        Assert.Equal(2, ragged.Examples.Count);
    }

    /// <summary>Wherever a file is cut, what is shown are its first examples, and nothing is wrong.</summary>
    [Fact]
    public void Read_ABeginningCutAnywhere_HoldsWholeRows()
    {
        byte[] content = Encoding.UTF8.GetBytes("text,label\n\"one\nline, \"\"é\"\"\",a\nzwölf,b\n\"x\n\",c\nlast,d\n");
        LabelledExample[] all = [.. Read("a.csv", Encoding.UTF8.GetString(content), s_nothing).Examples];
        Assert.Equal(4, all.Length);
        for (int length = "text,label\n\"one\nline, \"\"é\"\"\",a\n".Length + 1; length < content.Length; length++)
        {
            LabelledSample sample = LabelledSample.Read("a.csv", content.AsMemory(0, length), isWholeFile: false, s_nothing);
            Assert.Null(sample.Problem);
            Assert.NotEmpty(sample.Examples);
            Assert.Equal(all[..sample.Examples.Count], sample.Examples);
        }
    }

    [Fact]
    public void Read_WhatIsNoText_IsRefusedWithItsPlace()
    {
        Assert.Contains("a.txt: 0 bytes", Refusal([]));
        Assert.Contains("a.txt, line 2: byte 8 of the file is 0xE9", Refusal([.. "0 one\n0 "u8, 0xE9, .. "t\n"u8]));
        Assert.Contains("UTF-16", Refusal(Encoding.Unicode.GetPreamble()));
        LabelledSample cut = LabelledSample.Read("a.csv", "a,\"\nb"u8.ToArray(), isWholeFile: false, s_nothing);
        Assert.Contains("the first row is longer than 5 bytes", cut.Problem);
        Assert.Equal((false, 0, 0), (cut.LooksLabelled, cut.Columns.Count, cut.Examples.Count));
        Assert.Contains("'csv', 'tsv'", Assert.Throws<ArgumentException>(() => Read("a.csv", "a,b\n", new() { Format = "xlsx" })).Message);

        static string Refusal(byte[] head) => Assert.Throws<InvalidDataException>(() => LabelledSample.Read("a.txt", head, isWholeFile: true, s_nothing)).Message;
    }

    private static LabelledSample Read(string name, string content, LabelledSampleOptions options) => LabelledSample.Read(name, Encoding.UTF8.GetBytes(content), isWholeFile: true, options);
}
