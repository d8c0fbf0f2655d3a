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
}
