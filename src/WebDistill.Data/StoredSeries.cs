namespace WebDistill.Data;

/// <summary>
/// The series of a run that has begun. Not a column of the run: that row is changed at every transaction, and must fit into its page when the disk
/// has no room for another one.
/// </summary>
public sealed class StoredSeries
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>As a JSON array, in the order in which the run's rows hold their numbers. Later attempts add to its end.</summary>
    public required string Json { get; set; }
}
