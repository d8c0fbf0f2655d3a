using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Datasets;

/// <summary>An upload of a text as it is being filled in.</summary>
public sealed class DatasetDraft
{
    private string? _name, _format;

    /// <summary>The file that was chosen.</summary>
    public ChosenFile? File { get; set; }

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
    public static DatasetDraft Like(Dataset dataset) => new()
    {
        Name = dataset.Name,
        Format = dataset.Format,
        JsonField = dataset.JsonField,
        UnwrapLines = dataset.UnwrapLines,
        TokenizerModelId = dataset.TokenizerModelId?.ToString("D") ?? "",
        VocabularySize = Figures.Exact(dataset.RequestedVocabularySize ?? DatasetOptions.DefaultVocabularySize),
        ValidationProportion = Figures.Exact(dataset.ValidationProportion),
    };

    /// <summary>The fields of a form that holds what is read so far, as the API takes them.</summary>
    public Dictionary<string, string> Splitting() => new()
    {
        ["format"] = Format, ["jsonField"] = HasJsonField ? JsonField.Trim() : "text", ["unwrapLines"] = UnwrapLines ? "true" : "false",
    };

    /// <summary>The options, with the default in place of every text that cannot be read, and every problem found so far.</summary>
    public DatasetOptions Read(long mostBytes, out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var options = new DatasetOptions
        {
            Format = Format,
            JsonField = HasJsonField ? JsonField.Trim() : "text",
            UnwrapLines = UnwrapLines,
            TokenizerModelId = TokenizerModelId == "" ? null : Guid.Parse(TokenizerModelId),
            VocabularySize = TokenizerModelId == ""
                ? Parse("vocabularySize", VocabularySize, text => (int?)RunDraft.ParseInteger(text, 0, int.MaxValue))
                : null,
            ValidationProportion = Parse("validationProportion", ValidationProportion, RunDraft.ParseNumber),
        };
        if (File is null)
            found.Add(new("file", "No file is chosen. Choose a .txt or .jsonl file."));
        else if (File.Size == 0)
            found.Add(new("file", $"“{File.Name}” is empty. Choose a text with at least a few documents."));
        else if (File.Size > mostBytes)
        {
            found.Add(new("file", $"“{File.Name}” has {Figures.BytesText(File.Size)}, expected at most {Figures.BytesText(mostBytes)} "
                + "(Storage:MaxUploadMegabytes)."));
        }
        if (Names.Problem("name", Name) is OptionProblem name)
            found.Add(name);
        found.AddRange(options.Validate());
        problems = found;
        return options;

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
