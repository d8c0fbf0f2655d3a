using WebDistill.Distillation;

namespace WebDistill.Web;

/// <summary>What was named does not exist; the API answers 404.</summary>
public sealed class NotFoundException(string message) : Exception(message);

/// <summary>What was asked for does not fit the present state; the API answers 409.</summary>
public sealed class ConflictException(string message) : Exception(message);

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
