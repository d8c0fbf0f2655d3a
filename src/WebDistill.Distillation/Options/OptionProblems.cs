namespace WebDistill.Distillation.Options;

/// <summary>One problem of one option.</summary>
/// <param name="Field">Path of the option (<see cref="OptionPath"/>), as the form, the API and the stored JSON spell it.</param>
/// <param name="Message">States the value, what was expected and the fix.</param>
public sealed record OptionProblem(string Field, string Message);

/// <summary>
/// Collects <see cref="OptionProblem"/>s: every check that fails adds one message, so that a form can show all of them at once.
/// </summary>
internal sealed class OptionProblems
{
    private readonly List<OptionProblem> _found;
    private readonly string _prefix;

    public OptionProblems() : this([], "")
    {
    }

    private OptionProblems(List<OptionProblem> found, string prefix) => (_found, _prefix) = (found, prefix);

    public IReadOnlyList<OptionProblem> Found => _found;

    /// <summary>The same collection for the rules of a group, which knows its options by their own names.</summary>
    public OptionProblems In(string group) => new(_found, $"{_prefix}{group}.");

    public void Add(string path, string message) => _found.Add(new OptionProblem(_prefix + path, message));

    public void AddRange(IEnumerable<OptionProblem> problems) => _found.AddRange(problems);

    public bool Names(string path) => _found.Any(problem => problem.Field == _prefix + path);
}
