using System.Text.Json;

namespace WebDistill.Web.Compress;

/// <summary>What is to be done to a model.</summary>
public sealed record CompressRequest
{
    /// <summary>Name of a transform, as /api/catalogue lists them.</summary>
    public required string Transform { get; init; }

    /// <summary>Its parameters by their names; a missing one has its default.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Parameters { get; init; }

    /// <summary>Name of the new model; blank is that of the source with the transform's.</summary>
    public string? Name { get; init; }
}
