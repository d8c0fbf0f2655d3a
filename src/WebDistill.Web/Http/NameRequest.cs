namespace WebDistill.Web.Http;

/// <summary>A new name.</summary>
public sealed record NameRequest
{
    /// <summary>Free text for people.</summary>
    public required string Name { get; init; }
}
