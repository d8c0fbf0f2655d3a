namespace WebDistill.Data;

/// <summary>What somebody wrote about a run.</summary>
public sealed class RunNote
{
    /// <summary>Ascending: also the order in which they were written.</summary>
    public long Id { get; set; }

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>When it was written, UTC.</summary>
    public DateTime At { get; set; }

    /// <summary>When it was changed last, UTC; null where it never was.</summary>
    public DateTime? EditedAt { get; set; }

    /// <summary>The text, of several lines.</summary>
    public required string Text { get; set; }
}
