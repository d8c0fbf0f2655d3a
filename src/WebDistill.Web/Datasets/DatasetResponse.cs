using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Datasets;

/// <summary>A data set as the API shows it.</summary>
public sealed record DatasetResponse(
    Guid Id, string Name, string FileName, DatasetState State, string? Error, string? ErrorId, DatasetProgress? Progress, string Format, string JsonField,
    Guid? TokenizerModelId, double ValidationProportion, long Bytes, string? Sha256, string? TokenizerSha256, int? VocabularySize,
    DateTime CreatedAt, CorpusStatistics? Statistics)
{
    /// <summary>The response of a data set.</summary>
    public static DatasetResponse Of(Dataset dataset, DatasetProgress? progress) => new(
        dataset.Id, dataset.Name, dataset.FileName, dataset.State, dataset.Error, dataset.State == DatasetState.Failed ? Failures.ErrorId.DatasetNotPrepared.Name : null, progress, dataset.Format, dataset.JsonField,
        dataset.TokenizerModelId, dataset.ValidationProportion, dataset.Bytes, dataset.Sha256, dataset.TokenizerSha256,
        dataset.VocabularySize, dataset.CreatedAt, DatasetService.Statistics(dataset));
}
