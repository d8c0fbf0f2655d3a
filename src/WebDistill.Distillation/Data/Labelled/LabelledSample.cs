using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>A column as it can be chosen.</summary>
/// <param name="Name">What options call it: its name in the header or of the field, or its number from 1 where it has none of its own.</param>
/// <param name="Example">What stands in it first.</param>
public sealed record LabelledColumn(string Name, string Example);

/// <summary>How the beginning of a file is to be read; what is null is guessed.</summary>
public sealed record LabelledSampleOptions
{
    /// <inheritdoc cref="LabelledOptions.Format"/>
    public string? Format { get; init; }

    /// <inheritdoc cref="LabelledOptions.HasHeader"/>
    public bool? HasHeader { get; init; }

    /// <inheritdoc cref="LabelledOptions.TextColumn"/>
    public string? TextColumn { get; init; }

    /// <inheritdoc cref="LabelledOptions.SecondColumn"/>
    /// <remarks>Guessed where the text's column is null too.</remarks>
    public string? SecondColumn { get; init; }

    /// <inheritdoc cref="LabelledOptions.LabelColumn"/>
    public string? LabelColumn { get; init; }

    /// <inheritdoc cref="LabelledOptions.Classes"/>
    public IReadOnlyList<string>? Classes { get; init; }
}

/// <summary>What the beginning of a file holds when it is read as labelled examples: to choose its columns by, and to look at before the file is sent.</summary>
/// <param name="Options">As it was read: as asked, the rest guessed.</param>
/// <param name="LooksLabelled">Whether the file seems to hold labelled examples at all.</param>
/// <param name="Columns">Its columns; none of a format without.</param>
/// <param name="Examples">The examples read, in order.</param>
/// <param name="Classes">Their classes, in the order that those of the whole file have.</param>
/// <param name="Problem">Why no further example can be read with these options; null where all were.</param>
/// <param name="Bytes">Bytes that were read.</param>
public sealed record LabelledSample(
    LabelledOptions Options, bool LooksLabelled, IReadOnlyList<LabelledColumn> Columns, IReadOnlyList<LabelledExample> Examples, LabelledClasses Classes, string? Problem, int Bytes)
{
    /// <summary>Whether the first row is longer than what was read: then the problem is the sample's, and the file may be good.</summary>
    public bool IsCutBeforeItsFirstRow { get; init; }

    /// <summary>Rows that columns are guessed from.</summary>
    private const int MostRows = 1000;

    /// <summary>Reads the beginning of a file.</summary>
    /// <param name="fileName">Suggests the format by its extension; for messages.</param>
    /// <param name="head">The first bytes; all of them where the file is no longer.</param>
    /// <param name="isWholeFile">Whether the file ends with them; else a row that they cut is left out.</param>
    /// <exception cref="InvalidDataException">They are not UTF-8 text; says where and what was expected.</exception>
    /// <exception cref="ArgumentException">The format is unknown.</exception>
    public static LabelledSample Read(string fileName, ReadOnlyMemory<byte> head, bool isWholeFile, LabelledSampleOptions asked)
    {
        if (head.Length == 0)
            throw new InvalidDataException($"{fileName}: 0 bytes; expected labelled examples. Choose another file.");
        if (Utf8Text.BeginsAsUtf16(head.Span))
            throw new InvalidDataException($"{fileName}: begins with a UTF-16 byte-order mark; expected UTF-8. Save the file as UTF-8.");
        int mark = head.Span.StartsWith(Utf8Text.Mark) ? Utf8Text.Mark.Length : 0;
        ReadOnlyMemory<byte> bytes = head[mark..];
        LabelledFormat format = asked.Format is string name ? LabelledFormats.Find(name) : LabelledGuess.FormatOf(fileName, bytes.Span);
        if (!isWholeFile)
        {
            bytes = bytes[..(format.QuotesLines ? EndOfQuotedRows(bytes.Span) : TextLinesCorpus.CompletePrefix(bytes.Span))];
            if (bytes.Length == 0)
                return new LabelledSample(LabelledGuess.Of(format, [], asked).Options, LooksLabelled: false, [], [], new LabelledClasses([], []),
                    $"{fileName}: the first row is longer than {head.Length} bytes, which is as far as a preview reads. The whole file may be good: upload it.", head.Length) { IsCutBeforeItsFirstRow = true };
        }
        LabelledText.RequireText(new CorpusChunk(fileName, bytes, mark, 1));
        string text = Encoding.UTF8.GetString(bytes.Span);

        string? problem = null;
        List<LabelledRow> rows = [.. UntilProblem(format.ReadRows(new StringReader(text), fileName).Take(MostRows))];
        LabelledGuess guess = LabelledGuess.Of(format, rows, asked);
        List<LabelledExample> examples = [];
        if (guess.Options.Validate() is [var wrong, ..])
            problem = wrong.Message;
        else
            examples = [.. UntilProblem(LabelledReader.Read(new StringReader(text), fileName, guess.Options))];
        var counts = examples.CountBy(example => example.Label).ToDictionary(StringComparer.Ordinal);
        string[] classes = guess.Options.Classes is { } given ? [.. given] : LabelledClasses.InOrder(counts.Keys);
        return new LabelledSample(guess.Options, guess.LooksLabelled, guess.Columns, examples, new LabelledClasses(classes, [.. classes.Select(label => (long)counts.GetValueOrDefault(label))]), problem, head.Length);

        List<T> UntilProblem<T>(IEnumerable<T> all)
        {
            List<T> read = [];
            try
            {
                foreach (T one in all)
                    read.Add(one);
            }
            catch (InvalidDataException refusal)
            {
                problem ??= refusal.Message;
            }
            return read;
        }
    }

    /// <summary>The end of the last line outside of quotation marks: within them a line break belongs to a field, and "" closes and opens them.</summary>
    private static int EndOfQuotedRows(ReadOnlySpan<byte> bytes)
    {
        int end = 0;
        bool isQuoted = false;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '"')
                isQuoted = !isQuoted;
            else if (bytes[i] == '\n' && !isQuoted)
                end = i + 1;
        }
        return end;
    }
}
