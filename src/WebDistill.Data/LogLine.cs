namespace WebDistill.Data;

/// <summary>How much a log line wants to be read.</summary>
public enum LogSeverity
{
    /// <summary>What happens as it should.</summary>
    Information,

    /// <summary>What the reader should know.</summary>
    Warning,

    /// <summary>What ended the run.</summary>
    Error,
}

/// <summary>One line of a run's log.</summary>
public sealed class LogLine
{
    /// <summary>Ascending: also the order of the lines.</summary>
    public long Id { get; set; }

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>When it was written, UTC.</summary>
    public DateTime At { get; set; }

    /// <summary>How much it wants to be read.</summary>
    public LogSeverity Severity { get; set; }

    /// <summary>Updates done when it was written.</summary>
    public int Step { get; set; }

    /// <summary>Plain text.</summary>
    public required string Text { get; set; }
}
