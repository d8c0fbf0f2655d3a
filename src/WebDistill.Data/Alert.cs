namespace WebDistill.Data;

/// <summary>What was done about an alert.</summary>
public enum AlertAnswer
{
    /// <summary>It was told.</summary>
    Told,

    /// <summary>The run was asked to save its state and rest.</summary>
    Paused,

    /// <summary>The run was asked to save its state and end.</summary>
    Stopped,

    /// <summary>The run went back to <see cref="Alert.ToStep"/>, with half the learning rate.</summary>
    RolledBack,
}

/// <summary>What a guard saw in a run.</summary>
public sealed class Alert
{
    /// <summary>Ascending: also the order in which they were seen.</summary>
    public long Id { get; set; }

    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>The attempt that was at work.</summary>
    public int Attempt { get; set; }

    /// <summary>The update that it is about.</summary>
    public int Step { get; set; }

    /// <summary>When it was seen, UTC.</summary>
    public DateTime At { get; set; }

    /// <summary>Name of the guard.</summary>
    public required string Guard { get; set; }

    /// <summary>What was done.</summary>
    public AlertAnswer Answer { get; set; }

    /// <summary>The number that the guard looked at.</summary>
    public double Value { get; set; }

    /// <summary>What the number must not pass; null where it must only be finite.</summary>
    public double? Threshold { get; set; }

    /// <summary>Unit of both; empty without one.</summary>
    public required string Unit { get; set; }

    /// <summary>A sentence for people.</summary>
    public required string Text { get; set; }

    /// <summary>The update that the run went back to, 0 for its beginning; null where it did not.</summary>
    public int? ToStep { get; set; }

    /// <summary>The peak learning rate from there on; null where it did not go back.</summary>
    public double? LearningRate { get; set; }
}
