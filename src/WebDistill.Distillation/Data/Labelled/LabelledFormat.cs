namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Reads every example of a text, in its order; the caller looks at what the texts and labels hold.</summary>
/// <param name="path">Of the file, for messages.</param>
internal delegate IEnumerable<LabelledExample> ExamplesOf(TextReader text, string path, LabelledOptions options);

/// <summary>Reads every row of a text, a header among them, whatever its columns mean.</summary>
/// <param name="path">Of the file, for messages.</param>
internal delegate IEnumerable<LabelledRow> RowsOf(TextReader text, string path);

/// <summary>The values of a row.</summary>
/// <param name="Names">What its columns are called, where the row says it.</param>
/// <param name="Values">In the order of the columns.</param>
internal readonly record struct LabelledRow(IReadOnlyList<string>? Names, IReadOnlyList<string> Values);

/// <summary>One way in which a file holds labelled examples.</summary>
public sealed record LabelledFormat
{
    internal LabelledFormat(string name, string description, IReadOnlyList<string> extensions, bool hasHeader, ExamplesOf read, RowsOf readRows) =>
        (Name, Description, Extensions, HasHeader, Read, ReadRows) = (name, description, extensions, hasHeader, read, readRows);

    /// <summary>The name in options and stored JSON.</summary>
    public string Name { get; }

    /// <summary>One sentence for people.</summary>
    public string Description { get; }

    /// <summary>File extensions that suggest this format, with the dot, in lower case.</summary>
    public IReadOnlyList<string> Extensions { get; }

    /// <summary>Whether its first row can name the columns.</summary>
    public bool HasHeader { get; }

    /// <summary>Whether its columns can be chosen: all but the one format that has the class at the beginning of a line.</summary>
    public bool HasColumns { get; init; } = true;

    /// <summary>Whether a field may hold a line break, so that a row is more than a line.</summary>
    internal bool QuotesLines { get; init; }

    internal ExamplesOf Read { get; }

    internal RowsOf ReadRows { get; }
}
