using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Failures;

/// <summary>What was named does not exist; the API answers 404.</summary>
public sealed class NotFoundException(string message) : Exception(message)
{
    /// <summary>There is no row with that id.</summary>
    /// <param name="kind">What it would be, in a sentence: "run".</param>
    public static NotFoundException Of(string kind, Guid id) => new($"There is no {kind} {id}; it may have been deleted.");
}

/// <summary>What was asked for does not fit the present state; the API answers 409.</summary>
public class ConflictException(string message) : Exception(message);

/// <summary>The server has as much to do as it may; the API answers 429, and the same can be asked again later.</summary>
public sealed class BusyException(string message) : ConflictException(message);

/// <summary>What a row of the database names is not on the disk any more, or is damaged; the API answers 410 and says what to
/// do.</summary>
public sealed class FilesGoneException(string message) : ConflictException(message);

/// <summary>The disk refuses what is to be written; the API answers 507 when it is full and 503 when it takes nothing at all.</summary>
/// <param name="isFull">Whether room is what is missing.</param>
public sealed class StorageRefusedException(string message, bool isFull, Exception? cause) : IOException(message, cause)
{
    /// <summary>Whether room is what is missing.</summary>
    public bool IsFull => isFull;
}

/// <summary>Fields have values that cannot be used; the API answers 400 and names them.</summary>
public sealed class OptionsInvalidException : Exception
{
    /// <summary>Most problems that are told one by one; of more, how many there are.</summary>
    public const int MaxProblems = 20;

    private const int MaxMessageCharacters = 1000, MaxCharacters = 4000;
    private const string Objective = "objective";

    /// <summary>Several problems.</summary>
    public OptionsInvalidException(IReadOnlyList<OptionProblem> problems) : this(Bounded(problems), bounded: true)
    {
    }

    /// <summary>One problem of one field.</summary>
    public OptionsInvalidException(string field, string message) : this([new OptionProblem(field, message)])
    {
    }

    private OptionsInvalidException(OptionProblem[] problems, bool bounded)
        : base(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}"))) => Problems = problems;

    /// <summary>The problems found, at most <see cref="MaxProblems"/> and then how many more there are.</summary>
    public IReadOnlyList<OptionProblem> Problems { get; }

    /// <summary>What is wrong, without the names of fields: for where they stand beside it, or mean nothing to a reader.</summary>
    public string Sentences => string.Join(" ", Problems.Select(problem => problem.Message));

    /// <summary>
    /// Problems of what could not be read, and those of what could. A field whose text was refused is not checked as well; nor is an objective of which
    /// anything was, for its terms are weighed against each other, and what stands in its place nobody asked for.
    /// </summary>
    public static IReadOnlyList<OptionProblem> Join(IReadOnlyList<OptionProblem> unread, IEnumerable<OptionProblem> found)
    {
        HashSet<string> fields = [.. unread.Select(problem => problem.Field)];
        bool hasObjective = !fields.Any(IsOfObjective);
        return [.. unread, .. found.Where(problem => !fields.Contains(problem.Field) && (hasObjective || !IsOfObjective(problem.Field)))];

        static bool IsOfObjective(string field) => field == Objective || field.StartsWith($"{Objective}.", StringComparison.Ordinal);
    }

    // An answer stays short whatever was sent.
    private static OptionProblem[] Bounded(IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> told = [];
        int characters = 0;
        foreach (OptionProblem problem in problems.Take(MaxProblems))
        {
            string message = problem.Message.Length <= MaxMessageCharacters ? problem.Message : $"{ForeignText.Beginning(problem.Message, MaxMessageCharacters)}…";
            characters += message.Length;
            if (characters > MaxCharacters)
                break;
            told.Add(new OptionProblem(ForeignText.Quote(problem.Field), message));
        }
        if (told.Count < problems.Count)
            told.Add(new OptionProblem("$", $"and {problems.Count - told.Count} more."));
        return [.. told];
    }
}
