using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Formats;

/// <summary>The rule for names that people give: any one line of printable text, because a name is shown and never used as a path.</summary>
public static class Names
{
    /// <summary>Longest name in characters.</summary>
    public const int MaxCharacters = 200;

    /// <summary>The problem of a name, or null.</summary>
    public static OptionProblem? Problem(string field, string? name)
    {
        if (string.IsNullOrWhiteSpace(name))
            return new OptionProblem(field, "The name is blank. Give it a name.");
        if (name.Length > MaxCharacters)
            return new OptionProblem(field, $"The name has {name.Length} characters, expected at most {MaxCharacters}. Shorten it.");
        return ForeignText.NameProblem(name) is string problem ? new OptionProblem(field, problem) : null;
    }

    /// <summary>Throws <see cref="OptionsInvalidException"/> when the name has a problem.</summary>
    public static void Check(string field, string? name)
    {
        if (Problem(field, name) is OptionProblem problem)
            throw new OptionsInvalidException([problem]);
    }

    /// <summary>
    /// The name of an uploaded file as it is stored and shown. Nobody chose it for this product, so it is not refused: what is not
    /// printable is written as its code, and the end is cut off.
    /// </summary>
    public static string OfFile(string fileName)
    {
        string name = ForeignText.FirstUnprintable(fileName) is null ? fileName : ForeignText.Quote(fileName);
        return ForeignText.Beginning(name, MaxCharacters);
    }
}
