using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Losses;

/// <summary>What the logits' squared error is divided by, besides the number of tokens.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MseReduction>))]
public enum MseReduction
{
    /// <summary>Summed over the vocabulary, as Hugging Face's distillation project does: about V times larger than a mean.</summary>
    SumOverVocabulary,

    /// <summary>Divided by the vocabulary size: does not change scale with the vocabulary.</summary>
    PerElement,
}
