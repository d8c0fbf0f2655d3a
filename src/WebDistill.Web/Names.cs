using WebDistill.Distillation;

namespace WebDistill.Web;

/// <summary>The rule for names that people give: any text, because a name is shown and never used as a path.</summary>
public static class Names
{
    /// <summary>Longest name in characters.</summary>
    public const int MaxCharacters = 200;

    /// <summary>The problem of a name, or null.</summary>
    public static OptionProblem? Problem(string field, string? name)
    {
        if (string.IsNullOrWhiteSpace(name))
            return new OptionProblem(field, "The name is blank. Give it a name.");
        return name.Length > MaxCharacters
            ? new OptionProblem(field, $"The name has {name.Length} characters, expected at most {MaxCharacters}. Shorten it.")
            : null;
    }

    /// <summary>Throws <see cref="OptionsInvalidException"/> when the name has a problem.</summary>
    public static void Check(string field, string? name)
    {
        if (Problem(field, name) is OptionProblem problem)
            throw new OptionsInvalidException([problem]);
    }
}
