using System.Text;
using WebDistill.Distillation.Data.Labelled;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledReaderTests : IDisposable
{
    private static readonly LabelledOptions s_csv = new() { Format = "csv" };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Csv_QuotesNewlinesMarkAndBlankLines_AreReadAsRfc4180Says()
    {
        string path = _folder.Write("a.csv", (byte[])[0xEF, 0xBB, 0xBF, .. "text,label\r\n\"one, two\",a\r\n\r\n\"first\r\nsecond\nthird\",b\r\n\"she said \"\"no\"\"\", a \r\nplain,b"u8]);
        Assert.Equal(
            [new("one, two", null, "a", 2), new("first\r\nsecond\nthird", null, "b", 4), new("she said \"no\"", null, "a", 7), new LabelledExample("plain", null, "b", 8)],
            LabelledReader.Read(path, s_csv));
    }

    [Fact]
    public void Columns_AreFoundByNameAndByNumber_NamesFirst()
    {
        string path = _folder.Write("a.csv", "2,label,text\nx,y,z\n");
        Assert.Equal([new LabelledExample("z", "x", "y", 2)], LabelledReader.Read(path, s_csv with { SecondColumn = "2" }));
        Assert.Equal([new LabelledExample("x", null, "z", 2)], LabelledReader.Read(path, s_csv with { TextColumn = "1", LabelColumn = "3" }));
        Assert.Equal([new("label", null, "2", 1), new LabelledExample("y", null, "x", 2)],
            LabelledReader.Read(path, s_csv with { HasHeader = false, TextColumn = "2", LabelColumn = "1" }));
    }

    [Fact]
    public void Tsv_QuotesAreCharacters()
    {
        string path = _folder.Write("a.tsv", "Quality\t#1 String\t#2 String\r\n1\tHe said \"yes\tHe \"agreed\"\r\n");
        Assert.Equal([new LabelledExample("He said \"yes", "He \"agreed\"", "1", 2)],
            LabelledReader.Read(path, new LabelledOptions { Format = "tsv", TextColumn = "#1 String", SecondColumn = "#2 String", LabelColumn = "Quality" }));
    }

    [Fact]
    public void JsonLines_FieldsAreColumns_AndLabelsMayBeNumbersOrSwitches()
    {
        string path = _folder.Write("a.jsonl", """
            {"label": 1, "text": "a \"b\"\nc", "other": {"text": 3}}

            {"text": "d\ud800", "label": true}
            {"text": "e", "label": "x"}
            """);
        Assert.Equal([new("a \"b\"\nc", null, "1", 1), new("d\uFFFD", null, "true", 3), new LabelledExample("e", null, "x", 4)],
            LabelledReader.Read(path, new LabelledOptions { Format = "json-lines" }));
    }

    [Fact]
    public void LabelFirst_IsClassSpaceText()
    {
        string path = _folder.Write("a.txt", "0 one , two\n\n 1 \"three\" \n");
        Assert.Equal([new("one , two", null, "0", 1), new LabelledExample("\"three\" ", null, "1", 3)], LabelledReader.Read(path, new LabelledOptions { Format = "label-first" }));
    }

    [Theory]
    [InlineData("csv", "text,label\na,b,c\n", "a, line 2: 3 columns; expected 2, as in line 1. Put a field that holds a comma into quotation marks")]
    [InlineData("csv", "text,label\n\"a\nb\",x\nc\n", "a, line 4: 1 columns; expected 2")]
    [InlineData("tsv", "text\tlabel\na\tb\tc\n", "a, line 2: 3 columns; expected 2, as in line 1. Take tabs out of the texts")]
    [InlineData("csv", "text,klass\na,b\n", "a, line 1: no column 'label' for the class; expected one of 'text', 'klass', or a number from 1 to 2. Choose one of them.")]
    [InlineData("csv", "label,klass\na,b\n", "a, line 1: no column 'text' for the text")]
    [InlineData("csv", "text,label,text\na,b,c\n", "a, line 1: 2 columns are called 'text'; expected one for the text. Choose it by its number: 1 or 3")]
    [InlineData("csv", "text,label\na,b\nc, \n", "a, line 3: the class is empty; expected the name of its class in column 'label'. Fill it in, or leave the row out.")]
    [InlineData("csv", "text,label\n  ,b\n", "a, line 2: the text is empty; expected one in column 'text'")]
    [InlineData("csv", "text,label\n", "a holds no example; expected at least one row below the header")]
    [InlineData("csv", "\n\n", "a holds no example")]
    [InlineData("csv", "text,label\na,b\nsay \"no\",b\n", "a, line 3: column 1 is 'say \"no\"', with a quotation mark that neither begins nor ends it")]
    [InlineData("csv", "text,label\na,b\n\"never closed,b\n", "a, line 3:")]
    [InlineData("json-lines", "{\"text\": \"a\"}\n", "a, line 1: no field 'label' for the class; expected one of 'text'")]
    [InlineData("json-lines", "\n[1]\n", "a, line 2: the line is a JSON Array; expected an object like")]
    [InlineData("json-lines", "{\"text\": \"a\", \"label\": 1.5}\n", "a, line 1: field 'label' is 1.5; expected a class: a text, a whole number, true or false.")]
    [InlineData("json-lines", "{\"text\": 4, \"label\": 1}\n", "a, line 1: field 'text' is a JSON Number; expected a text.")]
    [InlineData("json-lines", "{\"text\": \"a\"", "a, line 1: not valid JSON")]
    [InlineData("json-lines", "{\"\\ud800\": \"a\"}", "a, line 1: a field's name is not valid text")]
    [InlineData("label-first", "0 a\nword\n", "a, line 2: 'word' has no space; expected a class, a space, and a text.")]
    [InlineData("label-first", "0  \n0\t\n", "a, line 1: the text is empty")]
    public void Read_WhatCannotBe_IsRefusedWithLineValueExpectationAndFix(string format, string content, string expected)
    {
        string path = _folder.Write("a", content);
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => LabelledReader.Read(path, s_csv with { Format = format }).ToList()).Message);
    }

    [Fact]
    public void Read_PairColumnThatIsAbsentOrEmpty_IsRefused()
    {
        string path = _folder.Write("a.csv", "text,label,other\na,b, \n");
        Assert.Contains("no column 'second' for the second text", Refusal(s_csv with { SecondColumn = "second" }));
        Assert.Contains("line 2: the second text is empty; expected one in column 'other'", Refusal(s_csv with { SecondColumn = "other" }));
        Assert.Contains("two of text, second text and class are read from column 1", Refusal(s_csv with { SecondColumn = "1" }));
        Assert.Contains("'other', and lines that begin with their class hold one text each", Assert.Throws<ArgumentException>(() => LabelledReader.Read(path, s_csv with { Format = "label-first", SecondColumn = "other" }).ToList()).Message);
        Assert.Contains("no column 'text' for the text; expected a number from 1 to 3, for the file is read without a header", Refusal(s_csv with { HasHeader = false }));
        Assert.Contains("'text' is to hold the text and the class", Assert.Throws<ArgumentException>(() => LabelledReader.Read(path, s_csv with { LabelColumn = "text" }).ToList()).Message);
        Assert.Contains("column of the class is empty", Assert.Throws<ArgumentException>(() => LabelledReader.Read(path, s_csv with { LabelColumn = " " }).ToList()).Message);
        Assert.Contains("'csv', 'tsv', 'json-lines', 'label-first'", Assert.Throws<ArgumentException>(() => LabelledReader.Read(path, s_csv with { Format = "xlsx" }).ToList()).Message);

        string Refusal(LabelledOptions options) => Assert.Throws<InvalidDataException>(() => LabelledReader.Read(path, options).ToList()).Message;
    }

    [Fact]
    public void Read_WhatIsNoUtf8Text_IsRefusedWithItsLine()
    {
        Assert.Contains("latin.txt, line 2: byte 8 of the file is 0xE9, which is not valid UTF-8", Refusal("latin.txt", [.. "0 one\n0 "u8, 0xE9, .. "t\n"u8]));
        Assert.Contains("nul.txt, line 3: a byte is 0", Refusal("nul.txt", [.. "0 one\n1 two\n0 "u8, 0]));
        Assert.Contains("UTF-16 byte-order mark", Refusal("wide.txt", Encoding.Unicode.GetPreamble()));
        Assert.Contains("0 bytes; expected text", Refusal("empty.txt", []));
        Assert.Contains("gone.txt is missing", Assert.Throws<InvalidDataException>(() => LabelledReader.Read(_folder.File("gone.txt"), s_csv).ToList()).Message);

        string Refusal(string name, byte[] content)
        {
            string path = _folder.Write(name, content);
            return Assert.Throws<InvalidDataException>(() => LabelledReader.Read(path, s_csv with { Format = "label-first" }).ToList()).Message;
        }
    }

    [Theory]
    [InlineData("csv", "text,label\na,b\n\"")]
    [InlineData("label-first", "0 a\n\n1 ")]
    [InlineData("json-lines", "{\"text\": \"a\", \"label\": 1}\n\n{\"label\": 1, \"text\": \"")]
    public void Read_TextBeyondTheLimit_IsRefused(string format, string before)
    {
        string path = _folder.Write("a", before + new string('x', LabelledText.MostCharacters + 1) + (format == "json-lines" ? "\"}" : "\",b"));
        string message = Assert.Throws<InvalidDataException>(() => LabelledReader.Read(path, s_csv with { Format = format }).ToList()).Message;
        Assert.StartsWith("a, line 3: ", message);
        Assert.Contains($"{LabelledText.MostCharacters}", message);
    }

    [Fact]
    public void Formats_AreFoundByExtension() => Assert.Equal(["csv", "tsv", "json-lines", "label-first", "csv"],
        new[] { "A.CSV", "a.tsv", "a.jsonl", "a.txt", "a" }.Select(name => LabelledFormats.ForFileName(name).Name));
}
