using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>How token sequences are cut out of a corpus.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SequenceMode>))]
public enum SequenceMode
{
    /// <summary>
    /// Blocks of <see cref="DataOptions.ContextLength"/> tokens over the whole stream, documents separated by the end-of-text id.
    /// </summary>
    Packed,

    /// <summary>
    /// One document (or a piece of a long one) per row, end-of-text at both ends, right-padded: as Hugging Face's distillation project does
    /// it.
    /// </summary>
    HuggingFace,
}

/// <summary>What follows from how sequences are cut.</summary>
public static class SequenceModes
{
    /// <summary>Sequences of Hugging Face's project must be longer than this, beginning and end of text included.</summary>
    internal const int TooShort = 11;

    /// <summary>Tokens that a sequence must have room for: two, and as Hugging Face's project drops short ones, one more than those.</summary>
    public static int ShortestContext(this SequenceMode mode) => mode == SequenceMode.HuggingFace ? TooShort + 1 : 2;
}
