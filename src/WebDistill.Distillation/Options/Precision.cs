using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>In which numbers the matrix products of a run are computed.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Precision>))]
public enum Precision
{
    /// <summary>32 bits throughout.</summary>
    Float32,

    /// <summary>
    /// Linear layers and attention in bfloat16 (8 bits of mantissa); weights, moments, residual stream, norms and losses stay in 32 bits. Meant
    /// for GPUs that have units for it.
    /// </summary>
    BFloat16,
}
