using System.Globalization;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>What the columns of a file may be: by what they are called in sets that are passed on, else by what stands in them. A person sees it and chooses otherwise.</summary>
/// <param name="Options">As asked, the rest guessed.</param>
/// <param name="LooksLabelled">Whether the rows look like labelled examples.</param>
/// <param name="Columns">As they can be chosen.</param>
internal sealed record LabelledGuess(LabelledOptions Options, bool LooksLabelled, IReadOnlyList<LabelledColumn> Columns)
{
    private const int ShownCharacters = 80;

    // A table may have a broken row, which is refused where it stands; a text with tabs has rows of all lengths.
    private const double MostlyWhole = 0.95;

    private static readonly string[] s_textNames =
        ["text", "sentence", "sentence1", "text1", "question", "question1", "premise", "content", "utterance", "query", "review", "comment", "tweet", "document", "#1 string"];
    private static readonly string[] s_secondNames = ["sentence2", "text2", "question2", "hypothesis", "#2 string"];
    private static readonly string[] s_labelNames = ["label", "labels", "class", "category", "intent", "target", "sentiment", "topic", "quality", "gold_label", "is_duplicate"];

    /// <summary>The format of a file: as its extension says, of others as its first line looks.</summary>
    public static LabelledFormat FormatOf(string fileName, ReadOnlySpan<byte> head)
    {
        LabelledFormat byName = LabelledFormats.ForFileName(fileName);
        if (byName.HasColumns && byName.Extensions.Contains(Path.GetExtension(fileName).ToLowerInvariant()))
            return byName;
        ReadOnlySpan<byte> first = head.TrimStart(" \t\r\n"u8);
        first = first.IndexOf((byte)'\n') is >= 0 and int end ? first[..end] : first;
        return LabelledFormats.Find(first.StartsWith("{"u8) ? "json-lines" : first.Contains((byte)'\t') ? "tsv" : "label-first");
    }

    /// <param name="rows">The first rows, a header among them.</param>
    /// <param name="asked">What is null in it is guessed.</param>
    public static LabelledGuess Of(LabelledFormat format, IReadOnlyList<LabelledRow> rows, LabelledSampleOptions asked)
    {
        var options = new LabelledOptions { Format = format.Name, HasHeader = asked.HasHeader ?? true, SecondColumn = asked.SecondColumn, Classes = asked.Classes };
        options = options with { TextColumn = asked.TextColumn ?? options.TextColumn, LabelColumn = asked.LabelColumn ?? options.LabelColumn };
        if (rows.Count == 0)
            return new LabelledGuess(options, false, []);
        if (!format.HasColumns)
            return new LabelledGuess(options, BeginWithClasses(rows), []);

        IReadOnlyList<string> first = rows[0].Names ?? rows[0].Values;
        bool hasHeader = rows[0].Names is not null || format.HasHeader && (asked.HasHeader ?? first.Any(IsName));
        string[] names = [.. Enumerable.Range(0, first.Count).Select(i => hasHeader && first[i].Length > 0 && first.Count(name => name == first[i]) == 1 ? first[i] : Number(i))];
        LabelledRow[] values = [.. rows.Skip(hasHeader && rows[0].Names is null ? 1 : 0).Where(row => row.Values.Count == names.Length)];
        LabelledColumn[] columns = [.. names.Select((name, i) => new LabelledColumn(name, values.Length == 0 ? "" : Shown(values[0].Values[i])))];

        int? text = Find(s_textNames), label = Find(s_labelNames);
        bool isNamed = text is not null && label is not null;
        text ??= Best(i => i != label, i => values.Sum(row => (double)row.Values[i].Length));
        label ??= Best(i => i != text && Distinct(i) >= 2, i => -Distinct(i)) ?? Best(i => i != text, _ => 0);
        bool guessesText = asked.TextColumn is null && text is not null;
        options = options with
        {
            HasHeader = hasHeader && format.HasHeader,
            TextColumn = guessesText ? names[text!.Value] : options.TextColumn,
            SecondColumn = guessesText && asked.SecondColumn is null && Find(s_secondNames) is int second ? names[second] : asked.SecondColumn,
            LabelColumn = asked.LabelColumn is null && label is not null ? names[label.Value] : options.LabelColumn,
        };
        // JSON lines are texts as often as examples: there the names decide.
        bool looksLabelled = label is not null && values.Length > 0 && (rows[0].Names is not null ? isNamed : values.Length >= MostlyWhole * (rows.Count - (hasHeader ? 1 : 0)));
        return new LabelledGuess(options, looksLabelled, columns);

        int? Find(string[] known) => Enumerable.Range(0, names.Length).Where(i => known.Contains(names[i], StringComparer.OrdinalIgnoreCase)).Cast<int?>().FirstOrDefault();

        int? Best(Func<int, bool> isFit, Func<int, double> value) => Enumerable.Range(0, names.Length).Where(isFit).Cast<int?>().MaxBy(i => value(i!.Value));

        int Distinct(int column) => values.Any(row => string.IsNullOrWhiteSpace(row.Values[column])) ? 0 : values.Select(row => row.Values[column]).Distinct(StringComparer.Ordinal).Count();
    }

    private static bool IsName(string value) => s_textNames.Concat(s_secondNames).Concat(s_labelNames).Contains(value, StringComparer.OrdinalIgnoreCase);

    private static string Number(int column) => (column + 1).ToString(CultureInfo.InvariantCulture);

    private static string Shown(string value) => value.Length <= ShownCharacters ? value : value[..(ShownCharacters - 1)] + "…";

    // A whole number, or fastText's mark, before each text, and few different ones: a novel and a numbered list have neither.
    private static bool BeginWithClasses(IReadOnlyList<LabelledRow> rows) =>
        rows.All(row => row.Values.Count == 2 && (long.TryParse(row.Values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) || row.Values[0].StartsWith("__label__", StringComparison.Ordinal)))
        && rows.Select(row => row.Values[0]).Distinct(StringComparer.Ordinal).Count() is >= 2 and int classes && 2 * classes <= rows.Count;
}
