using WebDistill.Distillation;

namespace WebDistill.Web;

/// <summary>What was named does not exist; the API answers 404.</summary>
public sealed class NotFoundException(string message) : Exception(message);

/// <summary>What was asked for does not fit the present state; the API answers 409.</summary>
public sealed class ConflictException(string message) : Exception(message);

/// <summary>The disk refuses what is to be written; the API answers 507 when it is full and 503 when it takes nothing at all.</summary>
/// <param name="isFull">Whether room is what is missing.</param>
public sealed class StorageRefusedException(string message, bool isFull, Exception? cause) : IOException(message, cause)
{
    /// <summary>Whether room is what is missing.</summary>
    public bool IsFull => isFull;
}

/// <summary>Fields have values that cannot be used; the API answers 400 and names every one of them.</summary>
public sealed class OptionsInvalidException(IReadOnlyList<OptionProblem> problems)
    : Exception(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")))
{
    /// <summary>One problem of one field.</summary>
    public OptionsInvalidException(string field, string message) : this([new OptionProblem(field, message)])
    {
    }

    /// <summary>Every problem found.</summary>
    public IReadOnlyList<OptionProblem> Problems { get; } = problems;
}
