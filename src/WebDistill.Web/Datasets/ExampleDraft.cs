using WebDistill.Distillation.Data.Labelled;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Datasets;

/// <summary>How the labelled examples of an upload are read, as it is being filled in.</summary>
public sealed class ExampleDraft
{
    private LabelledOptions _options = new() { Format = LabelledFormats.All[0].Name };

    /// <summary>The format of the file.</summary>
    public string Format
    {
        get => _options.Format;
        set => _options = _options with { Format = value };
    }

    /// <summary>Whether its first row names the columns.</summary>
    public bool HasHeader
    {
        get => _options.HasHeader;
        set => _options = _options with { HasHeader = value };
    }

    /// <summary>The column of the text.</summary>
    public string TextColumn
    {
        get => _options.TextColumn;
        set => _options = _options with { TextColumn = value };
    }

    /// <summary>The column of the second text of a pair; blank for single texts.</summary>
    public string SecondColumn
    {
        get => _options.SecondColumn ?? "";
        set => _options = _options with { SecondColumn = value == "" ? null : value };
    }

    /// <summary>The column of the class.</summary>
    public string LabelColumn
    {
        get => _options.LabelColumn;
        set => _options = _options with { LabelColumn = value };
    }

    /// <summary>Whether the format has columns to choose.</summary>
    public bool HasColumns => LabelledFormats.Find(Format).HasColumns;

    /// <summary>Whether a first row can name them.</summary>
    public bool MayHaveHeader => LabelledFormats.Find(Format).HasHeader;

    /// <summary>Whether held-out examples are in a file of their own, and not a share of the one file.</summary>
    public bool HasHeldOutFile { get; set; }

    /// <summary>That file.</summary>
    public ChosenFile? HeldOut { get; set; }

    /// <summary>All of it, as it is uploaded.</summary>
    public LabelledOptions Options
    {
        get => _options;
        set => _options = value;
    }

    /// <summary>The fields of a form, as the API takes them: those that the format has.</summary>
    public IEnumerable<KeyValuePair<string, string>> Fields()
    {
        yield return new("format", Format);
        if (MayHaveHeader)
            yield return new("hasHeader", HasHeader ? "true" : "false");
        if (HasColumns)
        {
            yield return new("textColumn", TextColumn);
            yield return new("secondColumn", SecondColumn);
            yield return new("labelColumn", LabelColumn);
        }
        if (_options.Classes is not null)
            yield return new("classes", string.Join('\n', _options.Classes));
    }
}
