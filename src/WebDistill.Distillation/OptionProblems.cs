using System.Globalization;
using System.Text.Json;

namespace WebDistill.Distillation;

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

    /// <summary>Adds a problem unless <paramref name="minimum"/> &lt;= value &lt;= <paramref name="maximum"/>.</summary>
    public bool Integer(string property, int value, int minimum, int maximum, string meaning)
    {
        if (value >= minimum && value <= maximum)
            return true;
        string expected = maximum == int.MaxValue ? $"at least {minimum}" : $"{minimum} to {maximum}";
        Add(property, $"The value is {value}, expected {expected} ({meaning}).");
        return false;
    }

    /// <summary>
    /// Adds a problem unless the value is finite and lies in the range; NaN fails every comparison and is caught by them.
    /// </summary>
    public bool Number(string property, double value, double minimum, double maximum, bool excludesMinimum, string advice)
    {
        bool aboveMinimum = excludesMinimum ? value > minimum : value >= minimum;
        if (aboveMinimum && value <= maximum)
            return true;
        string expected = excludesMinimum ? $"more than {Text(minimum)} and at most {Text(maximum)}"
            : $"{Text(minimum)} to {Text(maximum)}";
        Add(property, $"The value is {Text(value)}, expected a number from the range {expected}; {advice}.");
        return false;
    }

    /// <summary>Adds a problem unless 0 &lt;= value &lt; 1.</summary>
    public void Beta(string property, double value, string advice)
    {
        if (!(value >= 0 && value < 1))
            Add(property, $"The value is {Text(value)}, expected 0 <= value < 1; {advice}.");
    }

    public void Unknown<TEnum>(string property, TEnum value) where TEnum : struct, Enum =>
        Add(property, $"The value '{value}' is unknown. Choose one of: {string.Join(", ", Enum.GetNames<TEnum>())}.");

    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
