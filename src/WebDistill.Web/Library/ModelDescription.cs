using WebDistill.Data;
using WebDistill.Distillation.Models;

namespace WebDistill.Web.Library;

/// <summary>The row of a model, out of what its folder holds.</summary>
internal static class ModelDescription
{
    public static Model Create(Guid id, string name, CheckpointInfo info, string? tokenizerSha256) => new()
    {
        Id = id,
        Name = name,
        CreatedAt = DateTime.UtcNow,
        Layers = info.Config.NLayer,
        Width = info.Config.NEmbd,
        Heads = info.Config.NHead,
        ContextLength = info.Config.NPositions,
        VocabularySize = info.Config.VocabSize,
        ParameterCount = info.ParameterCount,
        WeightBytes = info.WeightBytes,
        WeightsSha256 = info.WeightsSha256,
        DataType = info.DataType,
        TokenizerSha256 = tokenizerSha256,
    };
}
