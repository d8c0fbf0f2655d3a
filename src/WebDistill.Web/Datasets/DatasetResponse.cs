using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Datasets;

/// <summary>A data set as the API shows it.</summary>
/// <param name="Task">What a run over it learns: <c>text</c>, or <c>classes</c>.</param>
/// <param name="Statistics">Of a text that is ready.</param>
/// <param name="Labelled">How labelled examples are read.</param>
/// <param name="HeldOutFileName">What the file of held-out examples was called.</param>
/// <param name="Examples">Of labelled examples that are ready.</param>
public sealed record DatasetResponse(
    Guid Id, string Name, string FileName, DatasetState State, string? Error, string? ErrorId, DatasetProgress? Progress, string Format, string JsonField,
    bool UnwrapLines, Guid? TokenizerModelId, double ValidationProportion, long Bytes, string? Sha256, string? TokenizerSha256, int? VocabularySize,
    DateTime CreatedAt, CorpusStatistics? Statistics, string Task, LabelledOptions? Labelled, string? HeldOutFileName, ExamplesResponse? Examples)
{
    /// <summary>The response of a data set.</summary>
    /// <param name="withClasses">Names each class, of which there may be a thousand.</param>
    public static DatasetResponse Of(Dataset dataset, DatasetProgress? progress, bool withClasses = false) => new(
        dataset.Id, dataset.Name, dataset.FileName, dataset.State, dataset.Error, dataset.State == DatasetState.Failed ? Failures.ErrorId.DatasetNotPrepared.Name : null, progress, dataset.Format, dataset.JsonField,
        dataset.UnwrapLines, dataset.TokenizerModelId, dataset.ValidationProportion, dataset.Bytes, dataset.Sha256, dataset.TokenizerSha256,
        dataset.VocabularySize, dataset.CreatedAt, DatasetService.Statistics(dataset),
        dataset.HoldsExamples() ? DatasetOptions.ClassesTask : DatasetOptions.TextTask, dataset.Labelled(), dataset.HeldOutFileName,
        DatasetExamples.Statistics(dataset) is LabelledStatistics statistics ? ExamplesResponse.Of(statistics, withClasses) : null);
}

/// <summary>What the labelled examples of a data set are. An example has the tokens of its texts and those that begin, separate and end them.</summary>
/// <param name="ClassCount">How many classes there are.</param>
/// <param name="Classes">Each, in the order of the logits; null in a list of data sets.</param>
/// <param name="Train">Examples that are trained on.</param>
/// <param name="HeldOut">Examples that are held out.</param>
/// <param name="LongestTokens">Tokens of the longest example.</param>
/// <param name="MeanTokens">Tokens of an example that is trained on, on the average.</param>
/// <param name="TrainTokens">Tokens that are trained on.</param>
/// <param name="HeldOutTokens">Tokens that are held out.</param>
public sealed record ExamplesResponse(
    int ClassCount, IReadOnlyList<ClassCounts>? Classes, long Train, long HeldOut, int LongestTokens, double MeanTokens, long TrainTokens, long HeldOutTokens)
{
    internal static ExamplesResponse Of(LabelledStatistics statistics, bool withClasses) => new(statistics.Classes.Names.Count, withClasses ? DatasetExamples.Classes(statistics) : null,
        statistics.TrainExamples, statistics.HeldOutExamples, statistics.LongestTokens, statistics.MeanTokens, statistics.TrainTokens, statistics.HeldOutTokens);
}

/// <summary>Another data set of the same text. What is left out stays as it is, and the vocabulary is trained anew where no model is named.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record TokeniseAgainRequest
{
    /// <summary>The name of the new data set; null takes one that says what it is for.</summary>
    public string? Name { get; init; }

    /// <summary>The model whose tokenizer is used.</summary>
    public Guid? TokenizerModelId { get; init; }

    /// <summary>Size of the vocabulary to train. Not together with a model's tokenizer.</summary>
    public int? VocabularySize { get; init; }

    /// <summary>Name of an entry of CorpusFormats.All; labelled examples keep theirs.</summary>
    public string? Format { get; init; }

    /// <summary>Whether the lines of a paragraph are joined.</summary>
    public bool? UnwrapLines { get; init; }

    /// <summary>Share of the text, at its end, that is held out.</summary>
    public double? ValidationProportion { get; init; }

    internal DatasetOptions Options(Dataset dataset) => new()
    {
        Format = Format ?? dataset.Format,
        Labelled = dataset.Labelled(),
        JsonField = dataset.JsonField,
        UnwrapLines = UnwrapLines ?? dataset.UnwrapLines,
        TokenizerModelId = TokenizerModelId,
        VocabularySize = VocabularySize,
        ValidationProportion = ValidationProportion ?? dataset.ValidationProportion,
    };
}
