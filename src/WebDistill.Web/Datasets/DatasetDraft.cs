using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Datasets;

/// <summary>An upload of a text, or of labelled examples, as it is being filled in.</summary>
public sealed class DatasetDraft
{
    private string? _name, _format;

    /// <summary>The file that was chosen.</summary>
    public ChosenFile? File { get; set; }

    /// <summary>Whether the file holds labelled examples and no text.</summary>
    public bool HoldsExamples { get; set; }

    /// <summary>Takes the file as what it seems to be: one that is named as tables are holds examples, whatever is wrong with a row of it.</summary>
    /// <param name="examples">What its beginning holds as labelled examples; null where that cannot be read.</param>
    public void Guess(ExampleFilePreview? examples) => HoldsExamples = examples is { LooksLabelled: true } || File is { } file && DatasetForm.IsTable(file.Name);

    /// <summary>Whether what was seen of the file is refused as it is chosen to be read, so that the whole of it would be as well.</summary>
    /// <param name="examples">As in <see cref="Guess"/>.</param>
    /// <param name="unreadable">Why there is none of these; null where there are.</param>
    public bool IsRefused(ExampleFilePreview? examples, string? unreadable) =>
        HoldsExamples && File is not null && (unreadable is not null || examples is { Problem: not null, IsCutBeforeItsFirstRow: false });

    /// <summary>How they are read.</summary>
    public ExampleDraft Examples { get; } = new();

    /// <summary>Until it is typed, the file's name without its extension.</summary>
    public string Name
    {
        get => _name ?? Path.GetFileNameWithoutExtension(File?.Name) ?? "";
        set => _name = value;
    }

    /// <summary>Until it is chosen, what the file's extension suggests.</summary>
    public string Format
    {
        get => _format ?? CorpusFormats.ForFileName(File?.Name ?? "").Name;
        set => _format = value;
    }

    /// <summary>Whether the format is one with fields.</summary>
    public bool HasJsonField => Format == "json-lines";

    public string JsonField { get; set; } = "text";

    /// <summary>Whether the lines of a paragraph are joined.</summary>
    public bool UnwrapLines { get; set; }

    /// <summary>Id of the model whose tokenizer is used; blank trains a vocabulary.</summary>
    public string TokenizerModelId { get; set; } = "";

    public string VocabularySize { get; set; } = Figures.Exact(DatasetOptions.DefaultVocabularySize);

    public string ValidationProportion { get; set; } = Figures.Exact(new DatasetOptions().ValidationProportion);

    /// <summary>A draft with the options of a data set, for another file.</summary>
    public static DatasetDraft Like(Dataset dataset)
    {
        var draft = new DatasetDraft
        {
            Name = dataset.Name,
            Format = dataset.HoldsExamples() ? CorpusFormats.All[0].Name : dataset.Format,
            JsonField = dataset.JsonField,
            UnwrapLines = dataset.UnwrapLines,
            TokenizerModelId = dataset.TokenizerModelId?.ToString("D") ?? "",
            VocabularySize = Figures.Exact(dataset.RequestedVocabularySize ?? DatasetOptions.DefaultVocabularySize),
            ValidationProportion = Figures.Exact(dataset.ValidationProportion),
        };
        if (dataset.Labelled() is LabelledOptions labelled)
        {
            (draft.HoldsExamples, draft.Examples.Options, draft.Examples.HasHeldOutFile) = (true, labelled, dataset.HeldOutFileName is not null);
            if (draft.Examples.HasHeldOutFile)
                draft.ValidationProportion = Figures.Exact(new DatasetOptions().ValidationProportion);
        }
        return draft;
    }

    /// <summary>The fields of a form that holds what is read so far, as the API takes them.</summary>
    public Dictionary<string, string> Splitting() => new()
    {
        ["format"] = Format, ["jsonField"] = HasJsonField ? JsonField.Trim() : "text", ["unwrapLines"] = UnwrapLines ? "true" : "false",
    };

    /// <summary>The fields of a form that say how the file is read.</summary>
    public Dictionary<string, string> Reading() => HoldsExamples ? new(Examples.Fields()) { ["task"] = DatasetOptions.ClassesTask } : new(Splitting()) { ["task"] = DatasetOptions.TextTask };

    /// <summary>The options, with the default in place of every text that cannot be read, and every problem found so far.</summary>
    public DatasetOptions Read(long mostBytes, out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var options = new DatasetOptions
        {
            Format = Format,
            JsonField = HasJsonField ? JsonField.Trim() : "text",
            UnwrapLines = UnwrapLines && !HoldsExamples,
            Labelled = HoldsExamples ? Examples.Options : null,
            TokenizerModelId = TokenizerModelId == "" ? null : Guid.Parse(TokenizerModelId),
            VocabularySize = TokenizerModelId == ""
                ? Parse("vocabularySize", VocabularySize, text => (int?)RunDraft.ParseInteger(text, 0, int.MaxValue))
                : null,
            ValidationProportion = HoldsExamples && Examples.HasHeldOutFile ? 0 : Parse("validationProportion", ValidationProportion, RunDraft.ParseNumber),
        };
        if (ProblemOf(File, "file") is string wrong)
            found.Add(new("file", wrong));
        if (HoldsExamples && Examples.HasHeldOutFile && ProblemOf(Examples.HeldOut, "file of held-out examples") is string wrongHeldOut)
            found.Add(new("heldOut", wrongHeldOut));
        if (Names.Problem("name", Name) is OptionProblem name)
            found.Add(name);
        found.AddRange(options.Validate());
        problems = found;
        return options;

        string? ProblemOf(ChosenFile? file, string what) => file is null ? $"No {what} is chosen. Choose a {(HoldsExamples ? ".csv, .tsv, .jsonl or .txt" : ".txt or .jsonl")} file."
            : file.Size == 0 ? $"“{file.Name}” is empty. Choose {(HoldsExamples ? "examples of at least two classes" : "a text with at least a few documents")}."
            : file.Size > mostBytes ? $"“{file.Name}” has {Figures.BytesText(file.Size)}, expected at most {Figures.BytesText(mostBytes)} (Storage:MaxUploadMegabytes)."
            : null;

        T? Parse<T>(string field, string text, Func<string, T> parse)
        {
            try
            {
                return parse(text.Trim());
            }
            catch (FormatException e)
            {
                found.Add(new(field, e.Message));
                return default;
            }
        }
    }
}
