using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>How a file of labelled examples is read.</summary>
/// <remarks>
/// A column is named as the header calls it, or by its number from 1; where a header calls a column by a number, the name counts. Of JSON lines it is the name of a field.
/// </remarks>
public sealed record LabelledOptions
{
    /// <summary>Name of an entry of <see cref="LabelledFormats.All"/>.</summary>
    public required string Format { get; init; }

    /// <summary>Whether the first row names the columns; of a format without columns it says nothing.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>The column of the text; of pairs that of the first.</summary>
    public string TextColumn { get; init; } = "text";

    /// <summary>The column of the second text of a pair; null reads single texts.</summary>
    public string? SecondColumn { get; init; }

    /// <summary>The column of the class.</summary>
    public string LabelColumn { get; init; } = "label";

    /// <summary>The classes in their order; null takes those that the training file has, as <see cref="LabelledClasses.InOrder"/> orders them.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Every problem of the options by themselves, at the name of the property as JSON has it.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        List<OptionProblem> problems = [];
        if (LabelledFormats.All.FirstOrDefault(format => format.Name == Format) is not LabelledFormat format)
            problems.Add(new("format", LabelledFormats.Unknown(Format)));
        else if (!format.HasColumns && SecondColumn is not null)
            problems.Add(new("secondColumn", $"A second text is to be read from column '{ForeignText.Quote(SecondColumn)}', and lines that begin with their class hold one text each; expected another format for "
                + "pairs. Choose it, or read single texts."));
        (string Field, string Role, string? Column)[] columns = [("textColumn", "text", TextColumn), ("secondColumn", "second text", SecondColumn), ("labelColumn", "class", LabelColumn)];
        foreach ((string field, string role, string? column) in columns.Where(column => column.Column is not null))
        {
            if (string.IsNullOrWhiteSpace(column))
                problems.Add(new(field, $"The column of the {role} is empty; expected its name, or its number from 1."));
            else if (columns.TakeWhile(known => known.Field != field).FirstOrDefault(known => known.Column == column).Role is string other)
                problems.Add(new(field, $"Column '{ForeignText.Quote(column)}' is to hold the {other} and the {role}; expected a column for each. Choose another one of them."));
        }
        if (Classes is not null && LabelledClasses.ProblemOf([.. Classes.Select(name => name.Trim())]) is string problem)
            problems.Add(new("classes", problem));
        return problems;
    }
}
