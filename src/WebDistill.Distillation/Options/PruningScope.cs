using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>Among which weights the smallest are looked for.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PruningScope>))]
public enum PruningScope
{
    /// <summary>Each matrix loses the same share.</summary>
    EachMatrix,

    /// <summary>All matrices of the layers together: those of small weights lose more.</summary>
    AllMatrices,
}
