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
        LabelledFormat format = LabelledFormats.Find(options.Format);
        Check(options);
        long examples = 0;
        foreach (LabelledExample example in format.Read(path, options))
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

    /// <summary>Refuses columns of which two are one, or none has a name.</summary>
    private static void Check(LabelledOptions options)
    {
        (string Role, string? Column)[] columns = [("text", options.TextColumn), ("second text", options.SecondColumn), ("class", options.LabelColumn)];
        foreach ((string role, string? column) in columns.Where(column => column.Column is not null))
        {
            if (string.IsNullOrWhiteSpace(column))
                throw new ArgumentException($"The column of the {role} is empty; expected its name, or its number from 1.", nameof(options));
            if (columns.FirstOrDefault(known => known.Role != role && known.Column == column).Role is string other)
                throw new ArgumentException($"Column '{column}' is to hold the {role} and the {other}; expected a column for each. Choose another one of them.", nameof(options));
        }
    }

    private static InvalidDataException Lacks(string path, LabelledExample example, string what, string expected) =>
        new($"{LabelledText.Place(path, example.Line)}: the {what} is empty; expected {expected}. Fill it in, or leave the row out.");
}
