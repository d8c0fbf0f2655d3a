using System.Globalization;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>The classes of a training file.</summary>
/// <param name="Names">In the order of the logits.</param>
/// <param name="Counts">Examples of each.</param>
public sealed record LabelledClasses(IReadOnlyList<string> Names, IReadOnlyList<long> Counts)
{
    /// <summary>Most classes of a file: far above the 150 of the largest set of intents in use, far below a column that holds something else.</summary>
    public const int Most = 1000;

    /// <summary>The classes of a training file: those that the options name, else those that it has.</summary>
    /// <exception cref="InvalidDataException">It has one class alone, more than <see cref="Most"/>, or one that the options do not name; and as for <see cref="LabelledReader.Read"/>.</exception>
    /// <exception cref="ArgumentException">The options name a class twice, an empty one, or fewer than two.</exception>
    public static LabelledClasses Find(string path, LabelledOptions options, CancellationToken cancel = default)
    {
        string[]? given = options.Classes is null ? null : [.. options.Classes.Select(name => name.Trim())];
        if (given is not null && ProblemOf(given) is string wrong)
            throw new ArgumentException(wrong, nameof(options));
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (LabelledExample example in LabelledReader.Read(path, options))
        {
            cancel.ThrowIfCancellationRequested();
            if (given is not null && !given.Contains(example.Label, StringComparer.Ordinal))
                throw Unknown(path, example, given, "the list of classes lacks");
            counts[example.Label] = counts.GetValueOrDefault(example.Label) + 1;
            if (counts.Count > Most)
                throw new InvalidDataException($"{LabelledText.Place(path, example.Line)}: '{ForeignText.Quote(example.Label)}' is class {counts.Count}; expected at most {Most}. Column '{options.LabelColumn}' seems to hold "
                    + "something else than classes: choose another.");
        }
        if (counts.Count == 1)
            throw new InvalidDataException($"{Path.GetFileName(path)}: all {counts.Values.Single()} examples are of class '{ForeignText.Quote(counts.Keys.Single())}'; expected at least 2 classes, for of one there is nothing "
                + "to learn. Choose another column for the class, or add examples of others.");
        string[] names = given ?? InOrder(counts.Keys);
        return new LabelledClasses(names, [.. names.Select(name => counts.GetValueOrDefault(name))]);
    }

    /// <summary>By their numbers if all are whole numbers, else by the codes of their characters (ordinal), so that the order depends on no language and on no order of rows.</summary>
    public static string[] InOrder(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.All(name => Number(name) is not null) ? [.. all.OrderBy(Number).ThenBy(name => name, StringComparer.Ordinal)] : [.. all.Order(StringComparer.Ordinal)];
    }

    /// <summary>The refusal of a class that is none of those that are known.</summary>
    internal static InvalidDataException Unknown(string path, LabelledExample example, IReadOnlyList<string> known, string lacks) =>
        new($"{LabelledText.Place(path, example.Line)}: class '{ForeignText.Quote(example.Label)}', which {lacks}; expected one of "
            + $"{string.Join(", ", known.Take(20).Select(name => $"'{ForeignText.Quote(name)}'"))}{(known.Count > 20 ? $" and {known.Count - 20} others" : "")}. Correct the label, leave the row out, or add the class.");

    private static long? Number(string name) => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;

    /// <summary>Why a list cannot be the classes; null when it can.</summary>
    internal static string? ProblemOf(string[] names) =>
        names.Length is < 2 or > Most ? $"The list names {names.Length} classes; expected 2 to {Most}."
        : names.Any(name => name.Length == 0) ? "The list of classes has an empty name; expected one for each. Leave it out."
        : names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? $"The list names class '{ForeignText.Quote(twice.Key)}' {twice.Count()} times; expected each once. Leave the others out."
        : null;
}
