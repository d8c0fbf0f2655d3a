namespace WebDistill.Data;

/// <summary>
/// The run that all others are compared with, in a table of one row at most; it goes with the run. Not a column of the run: only one can be it.
/// </summary>
public sealed class PinnedRun
{
    /// <summary>The key of the one row.</summary>
    public const int OnlyId = 1;

    /// <summary>Always <see cref="OnlyId"/>.</summary>
    public int Id { get; set; } = OnlyId;

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }
}
