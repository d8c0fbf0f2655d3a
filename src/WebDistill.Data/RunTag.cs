namespace WebDistill.Data;

/// <summary>A word that somebody gave a run, to find it again among others. Key: (<see cref="RunId"/>, <see cref="Tag"/>).</summary>
public sealed class RunTag
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>The word, in small letters.</summary>
    public required string Tag { get; set; }
}
