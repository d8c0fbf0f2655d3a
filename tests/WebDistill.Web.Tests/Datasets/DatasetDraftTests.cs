using System.Text;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Web.Datasets;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Datasets;

public sealed class DatasetDraftTests
{
    [Theory]
    [InlineData("a.csv", "text,label\none,a\ntwo,b,extra\nthree,a\n")]
    [InlineData("a.tsv", "text\tlabel\none\ta\ntwo\nthree\ta\n")]
    public void Guess_ATableWithABadRow_HoldsExamplesAndIsRefusedUntilItHoldsAText(string name, string content)
    {
        (DatasetDraft draft, ExampleFilePreview preview) = Look(name, content, isWholeFile: true);
        Assert.Contains($"{name}, line 3", preview.Problem);
        Assert.True(draft.HoldsExamples);
        Assert.True(draft.IsRefused(preview, null));
        Assert.Contains(preview.Columns, column => column.Name == "label");
        draft.HoldsExamples = false;
        Assert.False(draft.IsRefused(preview, null));
    }

    [Theory]
    [InlineData("a.csv", "text,label\none,a\ntwo,b\n", true, true)]
    [InlineData("a.csv", "text,\"\nwhich goes on", false, true)]
    [InlineData("a.txt", "One evening\nit rained\n", true, false)]
    public void Guess_WhatMayBeGood_IsNotRefused(string name, string content, bool isWholeFile, bool holdsExamples)
    {
        (DatasetDraft draft, ExampleFilePreview preview) = Look(name, content, isWholeFile);
        Assert.Equal(holdsExamples, draft.HoldsExamples);
        Assert.False(draft.IsRefused(preview, null));
    }

    [Fact]
    public void Guess_ATableThatCannotBeRead_HoldsExamplesAndIsRefused()
    {
        var draft = new DatasetDraft { File = new ChosenFile("a.tab", 10) };
        draft.Guess(null);
        Assert.True(draft.IsRefused(null, "a.tab, line 2: byte 8 of the file is 0xE9"));
    }

    private static (DatasetDraft, ExampleFilePreview) Look(string name, string content, bool isWholeFile)
    {
        byte[] head = Encoding.UTF8.GetBytes(content);
        ExampleFilePreview preview = DatasetExamples.Preview(name, head, isWholeFile, new LabelledSampleOptions());
        var draft = new DatasetDraft { File = new ChosenFile(name, head.Length) };
        draft.Guess(preview);
        return (draft, preview);
    }
}
