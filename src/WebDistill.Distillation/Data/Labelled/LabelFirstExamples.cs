using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>One example per line: its class, white space, and the text, as in collections of sentences; blank lines are passed over. It has no pairs and no columns to choose.</summary>
internal static class LabelFirstExamples
{
    /// <inheritdoc cref="LabelledReader.Read"/>
    public static IEnumerable<LabelledExample> Read(TextReader text, string path, LabelledOptions options)
    {
        long number = 0;
        while (text.ReadLine() is string line)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            string content = line.TrimStart();
            int end = content.AsSpan().IndexOfAny(' ', '\t');
            if (end < 0)
                throw new InvalidDataException($"{LabelledText.Place(path, number)}: '{ForeignText.Quote(content)}' has no space; expected a class, a space, and a text. Add what is missing, or leave the line out.");
            if (content.Length - end > LabelledText.MostCharacters)
                throw new InvalidDataException($"{LabelledText.Place(path, number)}: the text has {content.Length - end} characters; expected at most {LabelledText.MostCharacters}. Another format may fit the file better.");
            yield return new LabelledExample(content[(end + 1)..], null, content[..end], number);
        }
    }

    /// <inheritdoc cref="RowsOf"/>
    /// <remarks>A line without a space has its class alone.</remarks>
    public static IEnumerable<LabelledRow> ReadRows(TextReader text, string path)
    {
        while (text.ReadLine() is string line)
            if (!string.IsNullOrWhiteSpace(line))
                yield return new LabelledRow(null, line.Trim().Split((char[])[' ', '\t'], 2));
    }
}
