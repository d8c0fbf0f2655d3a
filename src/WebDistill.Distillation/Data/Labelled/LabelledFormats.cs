using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>The catalogue of formats of labelled examples: a new one is one line here.</summary>
public static class LabelledFormats
{
    public static IReadOnlyList<LabelledFormat> All { get; } =
    [
        new("csv", "Comma-separated values (RFC 4180): a field in quotation marks may hold commas, line breaks, and \"\" for a quotation mark.", [".csv"], hasHeader: true,
            (text, path, options) => DelimitedExamples.Read(text, path, options, ",", hasQuotes: true), (text, path) => DelimitedExamples.ReadRows(text, path, ",", hasQuotes: true)) { QuotesLines = true },
        new("tsv", "Values between tabs, one row per line; quotation marks are characters like others.", [".tsv", ".tab"], hasHeader: true,
            (text, path, options) => DelimitedExamples.Read(text, path, options, "\t", hasQuotes: false), (text, path) => DelimitedExamples.ReadRows(text, path, "\t", hasQuotes: false)),
        new("json-lines", "One JSON object per line; its fields are the columns.", [".jsonl", ".ndjson"], hasHeader: false, JsonLinesExamples.Read, JsonLinesExamples.ReadRows),
        new("label-first", "One example per line: its class, a space, and the text.", [".txt"], hasHeader: false, LabelFirstExamples.Read, LabelFirstExamples.ReadRows) { HasColumns = false },
    ];

    /// <summary>The format of that name.</summary>
    /// <exception cref="ArgumentException">Unknown name; the message lists the valid ones.</exception>
    public static LabelledFormat Find(string name) =>
        All.FirstOrDefault(format => format.Name == name)
        ?? throw new ArgumentException(Unknown(name), nameof(name));

    /// <summary>What is said of a name that no format has.</summary>
    internal static string Unknown(string name) => $"Format '{ForeignText.Quote(name)}' of labelled examples is unknown; expected one of {string.Join(", ", All.Select(format => $"'{format.Name}'"))}.";

    /// <summary>The format that a file's extension suggests; the first of <see cref="All"/> for an extension nobody claims.</summary>
    public static LabelledFormat ForFileName(string fileName) =>
        All.FirstOrDefault(format => format.Extensions.Contains(Path.GetExtension(fileName).ToLowerInvariant())) ?? All[0];
}
