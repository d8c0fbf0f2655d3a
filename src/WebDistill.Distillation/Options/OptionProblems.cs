using System.Text.Json;

namespace WebDistill.Distillation.Options;

/// <summary>One problem of one option.</summary>
/// <param name="Field">Name of the option in camelCase, as the form, the API and the stored JSON spell it.</param>
/// <param name="Message">States the value, what was expected and the fix.</param>
public sealed record OptionProblem(string Field, string Message);

/// <summary>
/// Collects <see cref="OptionProblem"/>s: every check that fails adds one message, so that a form can show all of them at once.
/// </summary>
internal sealed class OptionProblems
{
    private readonly List<OptionProblem> _found = [];

    public IReadOnlyList<OptionProblem> Found => _found;

    /// <param name="property">Name of the property; stored in camelCase, as JSON spells it.</param>
    public void Add(string property, string message) =>
        _found.Add(new OptionProblem(JsonNamingPolicy.CamelCase.ConvertName(property), message));

    public void AddRange(IEnumerable<OptionProblem> problems) => _found.AddRange(problems);

    public bool Names(string property) => _found.Any(problem => problem.Field == JsonNamingPolicy.CamelCase.ConvertName(property));
}
