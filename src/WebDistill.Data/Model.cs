namespace WebDistill.Data;

/// <summary>Where a model came from.</summary>
public enum ModelOrigin
{
    /// <summary>Uploaded as a Hugging Face folder.</summary>
    Imported,

    /// <summary>The student of a run.</summary>
    Run,

    /// <summary>Made of another model without training; its folder says of which one, and how.</summary>
    Compressed,
}

/// <summary>A model: a Hugging Face folder under data/models/{id}.</summary>
public sealed class Model : IListed
{
    /// <summary>The family of every model that was added before there was another.</summary>
    internal const string FirstFamily = "gpt2";

    /// <summary>What all of those do: the token that follows.</summary>
    internal const string FirstHead = "NextToken";

    /// <summary>Names the folder. The model of a run has the run's id.</summary>
    public Guid Id { get; set; }

    /// <summary>Free text for people, never a path.</summary>
    public required string Name { get; set; }

    /// <summary>Where it came from.</summary>
    public ModelOrigin Origin { get; set; }

    /// <summary>The run that made it.</summary>
    public Guid? RunId { get; set; }

    /// <summary>When it was added, UTC.</summary>
    public DateTime CreatedAt { get; set; }

    /// <summary>Its family, as model_type of its config.json spells it.</summary>
    public string Family { get; set; } = FirstFamily;

    /// <summary>What it makes of a text: the name of one of the heads that models have.</summary>
    public string Head { get; set; } = FirstHead;

    /// <summary>Transformer blocks (n_layer).</summary>
    public int Layers { get; set; }

    /// <summary>Width of the residual stream (n_embd).</summary>
    public int Width { get; set; }

    /// <summary>Attention heads (n_head).</summary>
    public int Heads { get; set; }

    /// <summary>Longest sequence in tokens (n_positions).</summary>
    public int ContextLength { get; set; }

    /// <summary>Token ids (vocab_size).</summary>
    public int VocabularySize { get; set; }

    /// <summary>Parameters, the tied head counted once.</summary>
    public long ParameterCount { get; set; }

    /// <summary>Size of the weights on disk.</summary>
    public long WeightBytes { get; set; }

    /// <summary>Hash of the weights.</summary>
    public required string WeightsSha256 { get; set; }

    /// <summary>Data type of the weights on disk, as safetensors spells it.</summary>
    public required string DataType { get; set; }

    /// <summary>Hash of its tokenizer; null when the folder came without one, and then it cannot be used with text.</summary>
    public string? TokenizerSha256 { get; set; }
}
