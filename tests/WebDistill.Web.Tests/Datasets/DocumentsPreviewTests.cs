using Bunit;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Datasets;

public sealed class DocumentsPreviewTests : ComponentTests
{
    private static readonly DocumentPreview s_first = new(0, 12, "<b>One</b>\ntwo");

    public static TheoryData<FilePreview?, string?, long, string> Cases => new()
    {
        { null, null, 100, "Looking into the file …" },
        { null, "tale.txt: byte 3 is 0", 100, "tale.txt: byte 3 is 0" },
        { new FilePreview("text-lines", [], 0, 100, false, false), null, 100, $"Its first {Figures.BytesText(100)} hold no document. Choose another format." },
        { new FilePreview("text-lines", [s_first], 1, 100, false, false), null, 100, "1 document in this file." },
        { new FilePreview("text-lines", [s_first], 7, 100, false, false), null, 1000, $"7 documents in the first {Figures.BytesText(100)}: about 70 in all." },
        { new FilePreview("text-whole", [s_first], 1, 100, true, false), null, 1000, $"One document, longer than the first {Figures.BytesText(100)} that were read." },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Preview_SaysWhatTheChoiceMakesOfTheFile(FilePreview? preview, string? failure, long fileBytes, string expected)
    {
        IRenderedComponent<DocumentsPreview> shown = Page.Render<DocumentsPreview>(parameters => parameters
            .Add(component => component.Preview, preview).Add(component => component.Failure, failure).Add(component => component.FileBytes, fileBytes));
        Assert.Equal(expected, shown.Find("[role=status]").TextContent.Trim());
        Assert.Equal(preview is null ? 0 : preview.Documents.Count, shown.FindAll("li").Count);
        // A text is shown as it is, whatever stands in it.
        if (preview is { Documents.Count: > 0 })
            Assert.Equal(s_first.Text, shown.Find("li p").TextContent);
        Assert.Empty(shown.FindAll("b"));
    }
}
