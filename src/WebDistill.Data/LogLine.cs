namespace WebDistill.Data;

/// <summary>One line of a run's log.</summary>
public sealed class LogLine
{
    /// <summary>Ascending: also the order of the lines.</summary>
    public long Id { get; set; }

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>When it was written, UTC.</summary>
    public DateTime At { get; set; }

    /// <summary>Plain text.</summary>
    public required string Text { get; set; }
}
