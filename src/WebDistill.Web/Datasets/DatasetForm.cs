using System.Globalization;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Http;

namespace WebDistill.Web.Datasets;

/// <summary>The options in the fields of an upload; what cannot be read becomes a problem of the form.</summary>
internal static class DatasetForm
{
    /// <summary>The part that holds examples that are held out.</summary>
    public const string HeldOutPart = "heldOut";

    /// <summary>Fields that labelled examples alone have.</summary>
    private static readonly string[] s_exampleFields = ["hasHeader", "textColumn", "secondColumn", "labelColumn", "classes"];

    private static readonly string[] s_columnFields = ["textColumn", "secondColumn", "labelColumn"];

    /// <summary>Fields of an upload.</summary>
    public static string[] Fields { get; } =
        ["name", "task", "format", "jsonField", "unwrapLines", .. s_exampleFields, "tokenizerModelId", "vocabularySize", "validationProportion"];

    /// <summary>Fields of a preview of labelled examples.</summary>
    public static string[] ExampleFields { get; } = ["format", .. s_exampleFields, "isWholeFile"];

    /// <summary>The options of an upload.</summary>
    /// <param name="hasHeldOut">Whether a file of held-out examples came with it.</param>
    public static DatasetOptions Read(MultipartFiles form, string fileName, bool hasHeldOut) => new()
    {
        Format = Text(form, "format"),
        JsonField = form["jsonField"] ?? "text",
        UnwrapLines = Flag(form, "unwrapLines") ?? false,
        Labelled = HoldsExamples(form, fileName, hasHeldOut) ? Examples(form, fileName) : null,
        TokenizerModelId = Parse(form, "tokenizerModelId", "the id of a model", (string text, out Guid id) => Guid.TryParse(text, out id)),
        VocabularySize = Parse(form, "vocabularySize", "a whole number",
            (string text, out int size) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out size)),
        ValidationProportion = Parse(form, "validationProportion", "a number such as 0.05",
            (string text, out double share) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out share)) ?? (hasHeldOut ? 0 : 0.05),
    };

    /// <summary>The options of a preview of labelled examples.</summary>
    public static LabelledSampleOptions ReadSample(MultipartFiles form) => new()
    {
        Format = Text(form, "format"), HasHeader = Flag(form, "hasHeader"), TextColumn = Text(form, "textColumn"), SecondColumn = Text(form, "secondColumn"), LabelColumn = Text(form, "labelColumn"),
        Classes = Classes(form),
    };

    /// <summary>A switch.</summary>
    public static bool? Flag(MultipartFiles form, string field) => Parse(form, field, "true or false", (string text, out bool flag) => bool.TryParse(text, out flag));

    /// <summary>
    /// Whether an upload is one of labelled examples: as its task says; without one, where a field, a part or a format is given that they alone have, or the file is named as tables are.
    /// </summary>
    private static bool HoldsExamples(MultipartFiles form, string fileName, bool hasHeldOut)
    {
        switch (Text(form, "task"))
        {
            case DatasetOptions.ClassesTask:
                if (Text(form, "jsonField") is not null)
                    form.Problems.Add(new OptionProblem("jsonField", "It names the field of a text, and these are examples with classes: name their fields by textColumn and labelColumn."));
                return true;
            case DatasetOptions.TextTask:
                form.Problems.AddRange(s_exampleFields.Where(field => Text(form, field) is not null)
                    .Select(field => new OptionProblem(field, $"It says how examples with classes are read, and the task is '{DatasetOptions.TextTask}'. Leave it out, or name the task '{DatasetOptions.ClassesTask}'.")));
                return false;
            case string other:
                form.Problems.Add(new OptionProblem("task", $"The task is '{ForeignText.Quote(other)}', expected '{DatasetOptions.TextTask}' or '{DatasetOptions.ClassesTask}'."));
                return false;
        }
        return hasHeldOut || s_exampleFields.Any(field => Text(form, field) is not null)
            || (Text(form, "format") is string format
                ? LabelledFormats.All.Any(known => known.Name == format) && CorpusFormats.All.All(known => known.Name != format)
                : IsTable(fileName));
    }

    /// <summary>Whether a file is named as tables are, so that it is taken as labelled examples.</summary>
    internal static bool IsTable(string fileName) => LabelledFormats.All.Any(known => known.HasHeader && known.Extensions.Contains(Path.GetExtension(fileName).ToLowerInvariant()));

    private static LabelledOptions Examples(MultipartFiles form, string fileName)
    {
        string? asked = Text(form, "format");
        string[] columns = [.. s_columnFields.Where(field => Text(form, field) is not null)];
        var options = new LabelledOptions { Format = asked ?? LabelledFormats.ForFileName(fileName).Name, HasHeader = Flag(form, "hasHeader") ?? true, SecondColumn = Text(form, "secondColumn"), Classes = Classes(form) };
        if (columns.Length > 0 && LabelledFormats.All.Any(format => format.Name == options.Format && !format.HasColumns))
            form.Problems.Add(asked is null
                ? new OptionProblem("format", $"Columns are named, and '{ForeignText.Quote(fileName)}' looks like lines that begin with their class, which have none. Name the format: csv, tsv or json-lines.")
                : new OptionProblem(columns[0], $"Lines that begin with their class ({asked}) have no columns. Leave it out, or name another format."));
        return options with { TextColumn = Text(form, "textColumn") ?? options.TextColumn, LabelColumn = Text(form, "labelColumn") ?? options.LabelColumn };
    }

    /// <summary>One class per line; blank lines are passed over.</summary>
    private static string[]? Classes(MultipartFiles form) => Text(form, "classes")?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string? Text(MultipartFiles form, string field) => form[field] is { Length: > 0 } text ? text : null;

    private delegate bool TryParse<T>(string text, out T value);

    private static T? Parse<T>(MultipartFiles form, string field, string expected, TryParse<T> parse) where T : struct
    {
        if (form[field] is not { Length: > 0 } text)
            return null;
        if (parse(text, out T value))
            return value;
        form.Problems.Add(new OptionProblem(field, $"The value is '{ForeignText.Quote(text)}', expected {expected}."));
        return null;
    }
}
