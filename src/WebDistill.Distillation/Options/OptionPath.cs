using System.Runtime.CompilerServices;
using System.Text.Json;

namespace WebDistill.Distillation.Options;

/// <summary>How an option is known: the names of its groups and its own, in camelCase with points between them.</summary>
public static class OptionPath
{
    /// <summary>The path of an option that is written as the code reads it: <c>options.Data.ContextLength</c> is <c>data.contextLength</c>.</summary>
    /// <param name="option">Not looked at: its expression is.</param>
    /// <param name="expression">Given by the compiler.</param>
    /// <exception cref="ArgumentException">The expression is more than a chain of properties.</exception>
    public static string Of(object? option, [CallerArgumentExpression(nameof(option))] string expression = "")
    {
        // A variable, by its small letter, is whose option it is.
        string[] names = [.. expression.Split('.').Where((name, i) => i > 0 || char.IsUpper(name[0]))];
        if (names.Length == 0 || names.Any(name => !name.All(char.IsLetterOrDigit)))
            throw new ArgumentException($"'{expression}' names no option, expected a chain of properties such as options.Data.ContextLength.", nameof(option));
        return string.Join('.', names.Select(JsonNamingPolicy.CamelCase.ConvertName));
    }
}
