using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Datasets;

/// <summary>A data set as the API shows it.</summary>
public sealed record DatasetResponse(
    Guid Id, string Name, string FileName, DatasetState State, string? Error, string? ErrorId, DatasetProgress? Progress, string Format, string JsonField,
    bool UnwrapLines, Guid? TokenizerModelId, double ValidationProportion, long Bytes, string? Sha256, string? TokenizerSha256, int? VocabularySize,
    DateTime CreatedAt, CorpusStatistics? Statistics)
{
    /// <summary>The response of a data set.</summary>
    public static DatasetResponse Of(Dataset dataset, DatasetProgress? progress) => new(
        dataset.Id, dataset.Name, dataset.FileName, dataset.State, dataset.Error, dataset.State == DatasetState.Failed ? Failures.ErrorId.DatasetNotPrepared.Name : null, progress, dataset.Format, dataset.JsonField,
        dataset.UnwrapLines, dataset.TokenizerModelId, dataset.ValidationProportion, dataset.Bytes, dataset.Sha256, dataset.TokenizerSha256,
        dataset.VocabularySize, dataset.CreatedAt, DatasetService.Statistics(dataset));
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

    /// <summary>Name of an entry of CorpusFormats.All.</summary>
    public string? Format { get; init; }

    /// <summary>Whether the lines of a paragraph are joined.</summary>
    public bool? UnwrapLines { get; init; }

    /// <summary>Share of the text, at its end, that is held out.</summary>
    public double? ValidationProportion { get; init; }

    internal DatasetOptions Options(Dataset dataset) => new()
    {
        Format = Format ?? dataset.Format,
        JsonField = dataset.JsonField,
        UnwrapLines = UnwrapLines ?? dataset.UnwrapLines,
        TokenizerModelId = TokenizerModelId,
        VocabularySize = VocabularySize,
        ValidationProportion = ValidationProportion ?? dataset.ValidationProportion,
    };
}
