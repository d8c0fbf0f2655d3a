namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Reads every example of a file, in its order; the caller looks at what the texts and labels hold.</summary>
internal delegate IEnumerable<LabelledExample> ExamplesOf(string path, LabelledOptions options);

/// <summary>One way in which a file holds labelled examples.</summary>
public sealed record LabelledFormat
{
    internal LabelledFormat(string name, string description, IReadOnlyList<string> extensions, bool hasHeader, ExamplesOf read) =>
        (Name, Description, Extensions, HasHeader, Read) = (name, description, extensions, hasHeader, read);

    /// <summary>The name in options and stored JSON.</summary>
    public string Name { get; }

    /// <summary>One sentence for people.</summary>
    public string Description { get; }

    /// <summary>File extensions that suggest this format, with the dot, in lower case.</summary>
    public IReadOnlyList<string> Extensions { get; }

    /// <summary>Whether its first row can name the columns.</summary>
    public bool HasHeader { get; }

    internal ExamplesOf Read { get; }
}
