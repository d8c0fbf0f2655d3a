using Bunit;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Datasets;

public sealed class ExamplesPreviewTests : ComponentTests
{
    private static readonly ExamplePreview s_first = new(0, "<i>glad</i>", 12, "<b>One</b>", "two");

    public static TheoryData<ExampleFilePreview?, string?, long, string> Cases => new()
    {
        { null, null, 100, "Looking into the file …" },
        { null, "a.csv, line 2: byte 3 is 0", 100, "a.csv, line 2: byte 3 is 0" },
        { Preview(read: 1, classes: 1), null, 100, "1 example of 1 class in this file." },
        { Preview(read: 7, classes: 3), null, 1000, $"7 examples of 3 classes in the first {Figures.BytesText(100)}: about 70 in all, perhaps of more classes." },
        { Preview(read: 7, classes: 3, "a.csv, line 9: 3 columns"), null, 1000, $"7 examples of 3 classes in the first {Figures.BytesText(100)}, before something is wrong.a.csv, line 9: 3 columns" },
        { Preview(read: 0, classes: 0, "a.csv, line 1: no column 'x'"), null, 100, "a.csv, line 1: no column 'x'" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Preview_SaysWhatTheColumnsMakeOfTheFile(ExampleFilePreview? preview, string? failure, long fileBytes, string expected)
    {
        IRenderedComponent<ExamplesPreview> shown = Page.Render<ExamplesPreview>(parameters => parameters
            .Add(component => component.Preview, preview).Add(component => component.Failure, failure).Add(component => component.FileBytes, fileBytes));
        Assert.Equal(expected, string.Concat(shown.FindAll("[role=status] p").Select(line => line.TextContent.Trim())));
        int examples = preview?.Examples.Count ?? 0;
        Assert.Equal(examples, shown.FindAll("ol li").Count);
        // A class that is named, and how many are not.
        Assert.Equal(examples == 0 ? 0 : preview!.ClassCount > 1 ? 2 : 1, shown.FindAll("ul li").Count);
        // Texts and classes are shown as they are, whatever stands in them.
        if (examples > 0)
            Assert.Equal((s_first.Class, s_first.Text), (shown.Find("ol .label-of").TextContent, shown.Find("ol li p").TextContent));
        Assert.Empty(shown.FindAll("b, i"));
    }

    private static ExampleFilePreview Preview(int read, int classes, string? problem = null) => new(new LabelledOptions { Format = "csv" }, true, [], read > 0 ? [s_first] : [], read, classes,
        read > 0 ? [new ClassCounts(s_first.Class, 5, null)] : [], problem, Bytes: 100);
}
