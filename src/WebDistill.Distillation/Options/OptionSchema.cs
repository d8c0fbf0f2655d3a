using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace WebDistill.Distillation.Options;

/// <summary>Options that belong together.</summary>
/// <param name="Name">With which the paths of its options begin.</param>
/// <param name="Label">What a form calls it.</param>
/// <param name="What">What is decided in it.</param>
public sealed record OptionGroup(string Name, string Label, string What);

/// <summary>
/// The options of a record and of the records in it, in the order in which they are declared: read once from the
/// <see cref="OptionAttribute"/>s.
/// </summary>
public sealed class OptionSchema
{
    private readonly Dictionary<string, OptionField> _byPath;

    private OptionSchema(Type type, IReadOnlyList<OptionField> terms)
    {
        Fields = [.. Read(type, [], terms)];
        _byPath = Fields.ToDictionary(field => field.Path);
        Settings = [.. Fields.Where(field => !field.IsLabel)];
        Groups = [.. Declared(type).Where(declared => IsGroup(declared.Property.PropertyType) || IsObjective(declared.Property))
            .Select(declared => new OptionGroup(JsonNamingPolicy.CamelCase.ConvertName(declared.Property.Name), declared.Said.Label, declared.Said.What))];
    }

    /// <summary>The schema of a record of options.</summary>
    /// <exception cref="TypeInitializationException">A property has no <see cref="OptionAttribute"/>.</exception>
    public static OptionSchema Of<T>() => Known<T>.Schema;

    /// <summary>That of a record with terms of an objective, whose options only the losses know.</summary>
    /// <param name="terms">Options of the terms, in the order of a form.</param>
    internal static OptionSchema Of<T>(IReadOnlyList<OptionField> terms) => new(typeof(T), terms);

    /// <summary>Every option, in the order of a form.</summary>
    public IReadOnlyList<OptionField> Fields { get; }

    /// <summary>Those among them that change something: all but a label.</summary>
    public IReadOnlyList<OptionField> Settings { get; }

    /// <summary>The groups of options, in the order of a form; an option that is in none stands beside them.</summary>
    public IReadOnlyList<OptionGroup> Groups { get; }

    /// <summary>The options of a group, in the order of a form.</summary>
    /// <param name="group">Its <see cref="OptionGroup.Name"/>; empty for those that are in none.</param>
    public IEnumerable<OptionField> In(string group) =>
        Fields.Where(field => group == "" ? !field.Path.Contains('.') : field.Path.StartsWith($"{group}.", StringComparison.Ordinal));

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

    /// <summary>The options as JSON in which each has its value, those of terms that are not named included.</summary>
    /// <exception cref="ArgumentException">A number is not finite.</exception>
    public JsonObject Write(object options, JsonSerializerOptions json)
    {
        JsonObject written = JsonSerializer.SerializeToNode(options, json)!.AsObject();
        foreach (OptionField field in Fields)
        {
            if (field.In(written) is null)
                field.Put(written, field.Held(options) is object value ? JsonSerializer.SerializeToNode(value, json) : null);
        }
        return written;
    }

    /// <summary>What a group of options is called, by its name in their paths.</summary>
    /// <exception cref="InvalidOperationException">There is no such group.</exception>
    public static string GroupLabel<T>(string name) =>
        Declared(typeof(T)).First(declared => JsonNamingPolicy.CamelCase.ConvertName(declared.Property.Name) == name).Said.Label;

    /// <summary>Whether values of a type are records of options, and not an option.</summary>
    public static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && !type.IsAssignableTo(typeof(IEnumerable));

    /// <summary>The properties of a record of options in the order of their declarations, each with what is said about it.</summary>
    /// <exception cref="InvalidOperationException">One has no <see cref="OptionAttribute"/>.</exception>
    internal static IEnumerable<(PropertyInfo Property, OptionAttribute Said)> Declared(Type type) => type.GetProperties()
        // GetProperties promises no order, the tokens of the metadata are in that of the declarations.
        .Where(property => property.CanWrite).OrderBy(property => property.MetadataToken)
        .Select(property => (property, property.GetCustomAttribute<OptionAttribute>()
            ?? throw new InvalidOperationException($"{type.Name}.{property.Name} has no [Option]: say there what it is.")));

    private static IEnumerable<OptionField> Read(Type type, IReadOnlyList<PropertyInfo> groups, IReadOnlyList<OptionField> terms) => Declared(type)
        .SelectMany(declared => IsObjective(declared.Property) ? terms
            : IsGroup(declared.Property.PropertyType) ? Read(declared.Property.PropertyType, [.. groups, declared.Property], terms)
            : [OptionField.Of(groups, declared.Property, declared.Said)]);

    private static bool IsObjective(PropertyInfo property) => property.PropertyType == typeof(IReadOnlyDictionary<string, ObjectiveTerm>);

    private static class Known<T>
    {
        public static OptionSchema Schema { get; } = new(typeof(T), []);
    }
}
