namespace WebDistill.Distillation.Text;

/// <summary>The catalogue of corpus formats: a new one is one line here.</summary>
public static class CorpusFormats
{
    public static IReadOnlyList<CorpusFormat> All { get; } = [TextParagraphsCorpus.Format, WholeTextCorpus.Format, TextLinesCorpus.Format, JsonLinesCorpus.Format];

    /// <summary>The format of that name.</summary>
    /// <exception cref="ArgumentException">Unknown name; the message lists the valid ones.</exception>
    public static CorpusFormat Find(string name) =>
        All.FirstOrDefault(format => format.Name == name)
        ?? throw new ArgumentException($"Corpus format '{name}' is unknown; expected one of "
            + $"{string.Join(", ", All.Select(format => $"'{format.Name}'"))}.", nameof(name));

    /// <summary>The format that a file's extension suggests; the first of <see cref="All"/> for an extension nobody claims.</summary>
    public static CorpusFormat ForFileName(string fileName) =>
        All.FirstOrDefault(format => format.Extensions.Contains(Path.GetExtension(fileName).ToLowerInvariant())) ?? All[0];
}
