using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Models;

/// <summary>The row of a model, out of what its folder holds.</summary>
internal static class ModelDescription
{
    public static Model Create(Guid id, string name, CheckpointInfo info, string? tokenizerSha256) => new()
    {
        Id = id,
        Name = name,
        CreatedAt = DateTime.UtcNow,
        Family = info.Architecture.Family.Name,
        Head = info.Architecture.Head.ToString(),
        Layers = info.Architecture.Layers,
        Width = info.Architecture.Width,
        Heads = info.Architecture.Heads,
        ContextLength = info.Architecture.Positions,
        VocabularySize = info.Architecture.VocabularySize,
        ParameterCount = info.ParameterCount,
        WeightBytes = info.WeightBytes,
        WeightsSha256 = info.WeightsSha256,
        DataType = info.DataType,
        TokenizerSha256 = tokenizerSha256,
    };

    /// <summary>Reads every number of a folder, in a stream: what passes can be trained from and generated with, where there is memory for it.</summary>
    /// <exception cref="InvalidDataException">It is not a model of a known family, or its tokenizer is not the model's; says which file.</exception>
    public static Model Read(Guid id, string name, string path)
    {
        CheckpointInfo info = ModelFiles.Inspect(path);
        Model model = Create(id, name, info, TokenizerSha256(path, info.Architecture.VocabularySize));
        // Nobody uploads it.
        if (File.Exists(Path.Combine(path, CompressionRecord.FileName)))
            model.Origin = ModelOrigin.Compressed;
        return model;
    }

    private static string? TokenizerSha256(string path, int vocabularySize)
    {
        if (TokenizerKinds.Find(path) is not TokenizerKind kind)
            return null;
        Vocabulary vocabulary = kind.Load(path).Vocabulary;
        return vocabulary.Size == vocabularySize
            ? vocabulary.Sha256
            : throw new InvalidDataException($"{kind.Files[0]} has {vocabulary.Size} tokens and config.json says vocab_size "
                + $"{vocabularySize}. Upload the tokenizer that belongs to the model.");
    }
}
