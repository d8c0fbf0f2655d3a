using System.Collections;
using System.Reflection;

namespace WebDistill.Distillation.Options;

/// <summary>
/// The options of a record and of the records in it, in the order in which they are declared: read once from the
/// <see cref="OptionAttribute"/>s.
/// </summary>
public sealed class OptionSchema
{
    private readonly Dictionary<string, OptionField> _byPath;

    private OptionSchema(Type type)
    {
        Fields = [.. Read(type, [])];
        _byPath = Fields.ToDictionary(field => field.Path);
        Settings = [.. Fields.Where(field => !field.IsLabel)];
    }

    /// <summary>That of a run.</summary>
    public static OptionSchema Run => Of<RunOptions>();

    /// <summary>The schema of a record of options.</summary>
    /// <exception cref="TypeInitializationException">A property has no <see cref="OptionAttribute"/>.</exception>
    public static OptionSchema Of<T>() => Known<T>.Schema;

    /// <summary>Every option, in the order of a form.</summary>
    public IReadOnlyList<OptionField> Fields { get; }

    /// <summary>Those among them that change something: all but a label.</summary>
    public IReadOnlyList<OptionField> Settings { get; }

    /// <summary>The option of that path.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public OptionField Find(string path) => _byPath[path];

    /// <summary>The option of that path; null when there is none.</summary>
    public OptionField? FindOrNull(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>The options whose values are not allowed, whatever the others are.</summary>
    public IEnumerable<OptionProblem> Problems(object options)
    {
        foreach (OptionField field in Fields)
        {
            if (field.Problem(options) is string problem)
                yield return new OptionProblem(field.Path, problem);
        }
    }

    /// <summary>Whether values of a type are records of options, and not an option.</summary>
    public static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && !type.IsAssignableTo(typeof(IEnumerable));

    // GetProperties promises no order, the tokens of the metadata are in that of the declarations.
    private static IEnumerable<OptionField> Read(Type type, IReadOnlyList<PropertyInfo> groups) => type.GetProperties()
        .Where(property => property.CanWrite).OrderBy(property => property.MetadataToken)
        .SelectMany(property =>
        {
            OptionAttribute said = property.GetCustomAttribute<OptionAttribute>()
                ?? throw new InvalidOperationException($"{type.Name}.{property.Name} has no [Option]: say there what it is.");
            return IsGroup(property.PropertyType) ? Read(property.PropertyType, [.. groups, property]) : [new OptionField(groups, property, said)];
        });

    private static class Known<T>
    {
        public static OptionSchema Schema { get; } = new(typeof(T));
    }
}
