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

    /// <summary>What was decided at the rungs of successive halving, as JSON; null before the first one is decided, and for a sweep without.</summary>
    public string? RungsJson { get; set; }

    /// <summary>Points that a Bayesian search is still to propose; null for a sweep whose points were known from the beginning.</summary>
    public int? PointsToCome { get; set; }

    /// <summary>Why a Bayesian search proposes no further point, although it has fewer than it was to have; null otherwise.</summary>
    public string? ProposalsEndedBecause { get; set; }

    /// <summary>When it was asked for, UTC.</summary>
    public DateTime CreatedAt { get; set; }
}
