namespace WebDistill.Data;

/// <summary>A group of runs that differ in named options only.</summary>
public sealed class Sweep : IListed
{
    /// <summary>Names it; its runs carry it as <see cref="Run.SweepId"/>.</summary>
    public Guid Id { get; set; }

    /// <summary>Free text for people.</summary>
    public required string Name { get; set; }

    /// <summary>The SweepPlan that made the runs, whole, as JSON.</summary>
    public required string PlanJson { get; set; }

    /// <summary>When it was asked for, UTC.</summary>
    public DateTime CreatedAt { get; set; }
}
