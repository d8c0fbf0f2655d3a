using System.Reflection;

namespace WebDistill.Distillation.Options;

/// <summary>The options of a record, in the order in which they are declared: read once from the <see cref="OptionAttribute"/>s.</summary>
public sealed class OptionSchema
{
    private readonly Dictionary<string, OptionField> _byName;

    private OptionSchema(Type type)
    {
        // GetProperties promises no order, the tokens of the metadata are in that of the declarations.
        Fields =
        [
            .. type.GetProperties().OrderBy(property => property.MetadataToken)
                .Where(property => property.CanWrite)
                .Select(property => new OptionField(property, property.GetCustomAttribute<OptionAttribute>()
                    ?? throw new InvalidOperationException($"{type.Name}.{property.Name} has no [Option]: say there what it is."))),
        ];
        _byName = Fields.ToDictionary(field => field.Name);
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

    /// <summary>The option of that name in camelCase.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public OptionField Find(string name) => _byName[name];

    /// <summary>The option of that name in camelCase; null when there is none.</summary>
    public OptionField? FindOrNull(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The options whose values are not allowed, whatever the others are.</summary>
    public IEnumerable<OptionProblem> Problems(object options)
    {
        foreach (OptionField field in Fields)
        {
            if (field.Problem(options) is string problem)
                yield return new OptionProblem(field.Name, problem);
        }
    }

    private static class Known<T>
    {
        public static OptionSchema Schema { get; } = new(typeof(T));
    }
}
