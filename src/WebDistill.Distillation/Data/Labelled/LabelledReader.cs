using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Reads labelled examples, one after the other, in memory bounded by the longest.</summary>
public static class LabelledReader
{
    /// <summary>Every example of a file, in its order.</summary>
    /// <exception cref="InvalidDataException">
    /// The file is not UTF-8 text of the format, lacks a column, has none but the header, or an example has no text or no class; says which line, what stands there, what was expected and
    /// the fix.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static IEnumerable<LabelledExample> Read(string path, LabelledOptions options)
    {
        if (options.Validate() is [OptionProblem problem, ..])
            throw new ArgumentException(problem.Message, nameof(options));
        using StreamReader text = LabelledText.Open(path);
        foreach (LabelledExample example in Read(text, path, options))
            yield return example;
    }

    /// <summary>The texts of a file, those of a pair one after the other: to train a vocabulary on.</summary>
    /// <inheritdoc cref="Read(string, LabelledOptions)"/>
    public static IEnumerable<string> ReadTexts(string path, LabelledOptions options)
    {
        foreach (LabelledExample example in Read(path, options))
        {
            yield return example.Text;
            if (example.Second is not null)
                yield return example.Second;
        }
    }

    /// <summary>The examples of a text that is known to be one.</summary>
    /// <param name="path">Of its file, for messages.</param>
    internal static IEnumerable<LabelledExample> Read(TextReader text, string path, LabelledOptions options)
    {
        LabelledFormat format = LabelledFormats.Find(options.Format);
        long examples = 0;
        foreach (LabelledExample example in format.Read(text, path, options))
        {
            string label = example.Label.Trim();
            if (label.Length == 0)
                throw Lacks(path, example, "class", $"the name of its class in column '{options.LabelColumn}'");
            if (string.IsNullOrWhiteSpace(example.Text))
                throw Lacks(path, example, "text", $"one in column '{options.TextColumn}'");
            if (example.Second is not null && string.IsNullOrWhiteSpace(example.Second))
                throw Lacks(path, example, "second text", $"one in column '{options.SecondColumn}'");
            examples++;
            yield return example with { Label = label };
        }
        if (examples == 0)
            throw new InvalidDataException($"{Path.GetFileName(path)} holds no example; expected at least one row{(format.HasHeader && options.HasHeader ? " below the header" : "")}. "
                + "Choose another file.");
    }

    private static InvalidDataException Lacks(string path, LabelledExample example, string what, string expected) =>
        new($"{LabelledText.Place(path, example.Line)}: the {what} is empty; expected {expected}. Fill it in, or leave the row out.");
}
