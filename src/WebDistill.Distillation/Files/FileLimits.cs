namespace WebDistill.Distillation.Files;

/// <summary>
/// The largest files and the largest counts inside files that are read whole into memory. Far above what GPT-2-class models and their
/// tokenizers have; what is larger is refused with its size before it is read.
/// </summary>
public static class FileLimits
{
    /// <summary>config.json, bytes.</summary>
    public const int ConfigBytes = 1 << 20;

    /// <summary>JSON header of a safetensors file, bytes. The format itself allows 100 MB; GPT-2 XL has 60 kB.</summary>
    public const int SafetensorsHeaderBytes = 16 << 20;

    /// <summary>Tensors of a model, over all its files; GPT-2 XL has 580.</summary>
    public const int Tensors = 50_000;

    /// <summary>Dimensions of one tensor.</summary>
    public const int TensorDimensions = 16;

    /// <summary>model.safetensors.index.json, bytes.</summary>
    public const int IndexBytes = 16 << 20;

    /// <summary>vocab.json, merges.txt, and vocab.txt, bytes each; GPT-2's take 1 MB and 0.5 MB, BERT's 0.2 MB.</summary>
    public const int VocabularyBytes = 16 << 20;

    /// <summary>Tokens of a vocabulary; GPT-2 has 50 257, the largest in use about 260 000.</summary>
    public const int VocabularyTokens = 500_000;
}
