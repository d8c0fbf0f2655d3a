using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Datasets;

/// <summary>How an uploaded text becomes a data set. Every field has a default, so that a file alone is enough.</summary>
public sealed record DatasetOptions
{
    /// <summary>What a run over a text learns: its tokens.</summary>
    public const string TextTask = "text";

    /// <summary>What a run over labelled examples learns: their classes.</summary>
    public const string ClassesTask = "classes";

    /// <summary>Smallest vocabulary that can be trained: every byte and the end-of-text token.</summary>
    public const int MinVocabularySize = 257;

    /// <summary>Largest vocabulary that can be trained here.</summary>
    public const int MaxVocabularySize = 100_000;

    /// <summary>Vocabulary trained when nothing else is said.</summary>
    public const int DefaultVocabularySize = 4096;

    /// <summary>Name of an entry of CorpusFormats.All; null takes the one that the file's extension suggests.</summary>
    public string? Format { get; init; }

    /// <summary>The field that holds the text, for JSON lines.</summary>
    public string JsonField { get; init; } = "text";

    /// <summary>Whether the lines of a paragraph are joined: a text with hard line breaks.</summary>
    public bool UnwrapLines { get; init; }

    /// <summary>The model whose tokenizer is used; null trains a vocabulary on the text.</summary>
    public Guid? TokenizerModelId { get; init; }

    /// <summary>
    /// Size of the vocabulary to train; null is <see cref="DefaultVocabularySize"/>. Not together with a model's tokenizer.
    /// </summary>
    public int? VocabularySize { get; init; }

    /// <summary>The columns of labelled examples, which the file then holds in the place of a text; null of a text.</summary>
    public LabelledOptions? Labelled { get; init; }

    /// <summary>Share of the text, at its end, that is held out; of labelled examples the share of each class, and 0 where the held-out ones have a file of their own.</summary>
    public double ValidationProportion { get; init; } = 0.05;

    /// <summary>Every problem of the options by themselves.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        List<OptionProblem> problems = [];
        if (Labelled is not null)
            problems.AddRange(ProblemsOf(Labelled));
        else if (Format is not null && CorpusFormats.All.All(format => format.Name != Format))
            problems.Add(new("format", $"The format '{ForeignText.Quote(Format)}' is unknown. Choose one "
                + $"of: {string.Join(", ", CorpusFormats.All.Select(format => format.Name))}; of labelled examples one of: {string.Join(", ", LabelledFormats.All.Select(format => format.Name))}."));
        if (string.IsNullOrWhiteSpace(JsonField))
            problems.Add(new("jsonField", "The name of the JSON field is blank. 'text' is usual."));
        else if (JsonField.Length > Names.MaxCharacters)
            problems.Add(new("jsonField", $"The name of the JSON field has {JsonField.Length} characters, expected at most {Names.MaxCharacters}."));
        if (VocabularySize is int size && size is < MinVocabularySize or > MaxVocabularySize)
        {
            problems.Add(new("vocabularySize",
                $"The vocabulary size is {VocabularySize}, expected {MinVocabularySize} (every byte and the end of text) "
                    + $"to {MaxVocabularySize}."));
        }
        if (VocabularySize is not null && TokenizerModelId is not null)
            problems.Add(new("vocabularySize", "A vocabulary size and a model's tokenizer are both given. Leave one of them out."));
        if (!(ValidationProportion >= 0 && ValidationProportion <= 0.5))
            problems.Add(new("validationProportion", $"The held-out share is {ValidationProportion}, expected 0 to 0.5; 0.05 is usual."));
        return problems;
    }

    private IEnumerable<OptionProblem> ProblemsOf(LabelledOptions labelled)
    {
        foreach (OptionProblem problem in labelled.Validate())
            yield return problem;
        foreach ((string field, string? column) in new[] { ("textColumn", labelled.TextColumn), ("secondColumn", labelled.SecondColumn), ("labelColumn", labelled.LabelColumn) })
            if (column?.Length > Names.MaxCharacters)
                yield return new(field, $"The name of the column has {column.Length} characters, expected at most {Names.MaxCharacters}. Name it by its number, from 1.");
        if (UnwrapLines)
            yield return new("unwrapLines", "Lines are joined in texts, and these are examples with classes, which stay as they are. Leave it out.");
        if (labelled.SecondColumn is not null && TokenizerModelId is null)
            yield return new("tokenizerModelId", "Pairs need a tokenizer with an id to put between two texts, and a vocabulary that is trained here has none. Choose the tokenizer of a BERT, or single texts.");
    }
}

/// <summary>What the preparation of a data set is doing.</summary>
public enum PreparationStage
{
    /// <summary>Waits for its turn.</summary>
    Waiting,

    /// <summary>Writes a generated text.</summary>
    Writing,

    /// <summary>Finds the classes of labelled examples.</summary>
    FindingClasses,

    /// <summary>Trains a vocabulary.</summary>
    TrainingVocabulary,

    /// <summary>Turns the text into tokens.</summary>
    Tokenising,

    /// <summary>The disk refuses: waits until it takes files again.</summary>
    WaitingForDisk,

    /// <summary>Has ended, and waits until the database takes what became of it.</summary>
    WaitingToSave,
}

/// <summary>How far the preparation of a data set is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Fraction">Share of that stage, 0 to 1.</param>
/// <param name="Documents">Documents, or labelled examples, tokenised so far.</param>
/// <param name="Tokens">Tokens written so far.</param>
/// <param name="Reason">Why it waits, where it does.</param>
public sealed record DatasetProgress(
    PreparationStage Stage, double Fraction = 0, long Documents = 0, long Tokens = 0, [property: JsonIgnore] string? Reason = null)
{
    /// <summary>Before anything is known.</summary>
    public static DatasetProgress None { get; } = new(PreparationStage.Waiting);

    /// <summary>The stage in words.</summary>
    public string Phase => Stage switch
    {
        PreparationStage.Writing => "Writing stories",
        PreparationStage.FindingClasses => "Finding the classes",
        PreparationStage.TrainingVocabulary => "Training the vocabulary",
        PreparationStage.Tokenising => "Tokenising",
        PreparationStage.WaitingForDisk => $"Waits for the disk. {Reason} The preparation goes on by itself.",
        PreparationStage.WaitingToSave => $"Waits until it can be saved. {Reason}",
        _ => "Waiting",
    };
}
