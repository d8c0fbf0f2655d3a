using System.Reflection;
using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>Options of runs as nobody would write them: of each knob its bounds, what lies beyond them, what its type cannot mean, and anything between.</summary>
/// <param name="ids">Ids of data sets and models, of which each may stand in either's place.</param>
internal sealed class RandomOptions(int seed, IReadOnlyList<Guid> ids, IReadOnlyList<RunOptions> beginnings)
{
    private static readonly long[] s_integers =
        [int.MinValue, -1, 0, 1, 2, 3, 7, 11, 12, 13, 16, 100, 500, 1024, 65_535, 65_536, 65_537, 100_000, 1_048_576, 1_048_577, int.MaxValue - 1, int.MaxValue];

    private static readonly double[] s_numbers =
    [
        double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MinValue, double.MaxValue, double.Epsilon, -1, -0.0, 0, 1e-300, 0.05, 0.5, 1,
        Math.BitDecrement(1), Math.BitIncrement(1), 10, 1e6, 1e30, 1e300,
    ];

    private readonly Random _random = new(seed);

    /// <summary>One of the beginnings with some knobs changed.</summary>
    public RunOptions Next()
    {
        RunOptions options = OneOf(beginnings);
        for (int changes = _random.Next(1, 7); changes > 0; changes--)
        {
            OptionField field = OneOf(LossCatalogue.RunSchema.Fields);
            options = Put(options, field, Value(field));
        }
        return options;
    }

    private object? Value(OptionField field)
    {
        if (field.IsOptional && _random.Next(4) == 0)
            return field.Kind == OptionKind.Text ? "" : field.Kind is OptionKind.Lines or OptionKind.Entries ? Array.Empty<string>() : field.Kind == OptionKind.Numbers ? Array.Empty<double>() : null;
        return field.Kind switch
        {
            OptionKind.Integer => _random.Next(2) == 0 ? OneOf(s_integers) : (long)Math.Clamp(Between(field), long.MinValue, long.MaxValue),
            OptionKind.Number => _random.Next(2) == 0 ? OneOf(s_numbers) : Between(field),
            OptionKind.Boolean => _random.Next(2) == 0,
            OptionKind.LayerList => OneOf<int[]>([[], [0], [-1], [0, 0, 1], [int.MaxValue], [.. Enumerable.Repeat(0, 1500)], [.. Enumerable.Range(0, 4)]]),
            OptionKind.Numbers => OneOf<double[]>([[], [1], [0.5, 0.5], [0.7, 0.3], [-1, 2], [.. Enumerable.Repeat(0.25, 4)], [1e308, 1e308]]),
            OptionKind.Entries => OneOf<string[]>([[], [""], ["unknown"], ["a", "a"], [Guid.NewGuid().ToString(), Guid.Empty.ToString("N")], [.. Enumerable.Repeat("p", 100)]]),
            OptionKind.Lines => OneOf<string[]>([[], [""], ["Once"], ["a", " "], ["\ud800\0"], [new string('p', 5000)], [.. Enumerable.Repeat("p", 100)]]),
            OptionKind.Choice when field.Choices is { } choices => _random.Next(4) == 0 ? 999 : Array.IndexOf([.. choices], OneOf(choices)),
            OptionKind.Choice when field.Path.EndsWith("Id", StringComparison.Ordinal) =>
                OneOf([.. ids.Select(id => id.ToString()), $"{ids[0]:N}", "", " ", "nothing", new string('x', 5000), Guid.Empty.ToString()]),
            OptionKind.Choice => OneOf(["random", "teacher-layers", "checkpoint", "linear", "cosine", "", "unknown"]),
            _ => OneOf(["", "A name", new string('n', 100_000), "line\nbreak", "\ud800", "\0"]),
        };
    }

    // Evenly over the orders of magnitude that are allowed.
    private double Between(OptionField field)
    {
        double least = Math.Max(field.Minimum, 1e-9), most = Math.Min(field.Maximum, 1e12);
        double drawn = Math.Exp(Math.Log(least) + _random.NextDouble() * (Math.Log(most) - Math.Log(least)));
        return field.Kind == OptionKind.Integer ? Math.Round(drawn) : drawn;
    }

    private T OneOf<T>(IReadOnlyList<T> values) => values[_random.Next(values.Count)];

    private static RunOptions Put(RunOptions options, OptionField field, object? value)
    {
        string[] names = field.Path.Split('.');
        if (names is not ["objective", string term, string name])
            return (RunOptions)Put(options, names, value);
        ObjectiveTerm changed = options.Objective.GetValueOrDefault(term) ?? new ObjectiveTerm { Weight = 0 };
        if (name == "weight")
            changed = changed with { Weight = (double)value! };
        else if (value is double number && !double.IsFinite(number))
            return options; // JSON has no such number: it cannot be there.
        else
            changed = changed with
            {
                Parameters = new(changed.Parameters ?? [])
                    { [name] = field.Choices is { } choices && value is int place ? Choice(choices, place) : JsonSerializer.SerializeToElement(value) },
            };
        return options with { Objective = new Dictionary<string, ObjectiveTerm>(options.Objective) { [term] = changed } };
    }

    private static JsonElement Choice(IReadOnlyList<string> choices, int place) =>
        JsonSerializer.SerializeToElement(place < choices.Count ? choices[place] : "unknown");

    // A copy of the record, and of the group in it, with one property that is another.
    private static object Put(object record, ReadOnlySpan<string> names, object? value)
    {
        object copy = record.GetType().GetMethod("<Clone>$")!.Invoke(record, null)!;
        PropertyInfo property = record.GetType().GetProperty(char.ToUpperInvariant(names[0][0]) + names[0][1..])!;
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        property.SetValue(copy, names.Length > 1 ? Put(property.GetValue(record)!, names[1..], value)
            : type.IsEnum ? Enum.ToObject(type, value!)
            : type == typeof(int) && value is long wide ? (int)Math.Clamp(wide, int.MinValue, int.MaxValue)
            : value);
        return copy;
    }
}
