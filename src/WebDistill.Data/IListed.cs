namespace WebDistill.Data;

/// <summary>What stands in a list of its kind, newest first; <see cref="Id"/> decides between those of the same moment.</summary>
public interface IListed
{
    /// <summary>Names it.</summary>
    Guid Id { get; }

    /// <summary>When it came into being, UTC.</summary>
    DateTime CreatedAt { get; }
}
