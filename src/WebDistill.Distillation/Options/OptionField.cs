using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Options;

/// <summary>One option of a record of options, with what its <see cref="OptionAttribute"/> says.</summary>
public sealed class OptionField
{
    private readonly OptionAttribute _said;
    private readonly Type _type;
    private readonly string[] _names;
    private readonly Func<object, object?> _held;

    /// <param name="names">The last one is its own.</param>
    /// <param name="held">Its value in a record of options.</param>
    internal OptionField(IEnumerable<string> names, Type type, bool isNullable, OptionAttribute said, Func<object, object?> held)
    {
        (_said, _held, _names) = (said, held, [.. names.Select(JsonNamingPolicy.CamelCase.ConvertName)]);
        _type = Nullable.GetUnderlyingType(type) ?? type;
        Path = string.Join('.', _names);
        Kind = KindOf(_type, said, Path);
        IsOptional = said.IsOptional || isNullable;
        Choices = _type.IsEnum ? Enum.GetNames(_type) : null;
    }

    /// <summary>A property of a record, or of a record in it.</summary>
    internal static OptionField Of(IReadOnlyList<PropertyInfo> groups, PropertyInfo property, OptionAttribute said) =>
        Of([.. groups.Select(group => group.Name), property.Name], property, said, options => groups.Aggregate(options, (record, group) => group.GetValue(record)!));

    /// <summary>A property of a record that <paramref name="record"/> finds in the options.</summary>
    internal static OptionField Of(IEnumerable<string> names, PropertyInfo property, OptionAttribute said, Func<object, object> record) => new(
        names, property.PropertyType, new NullabilityInfoContext().Create(property).ReadState == NullabilityState.Nullable, said,
        options => property.GetValue(record(options)));

    /// <summary>The names of its groups and its own, with points between them: what it is called wherever one option is named.</summary>
    public string Path { get; }

    /// <inheritdoc cref="OptionAttribute.Label"/>
    public string Label => _said.Label;

    /// <summary>How it is written and read.</summary>
    public OptionKind Kind { get; }

    /// <inheritdoc cref="OptionAttribute.What"/>
    public string What => _said.What;

    /// <inheritdoc cref="OptionAttribute.Usual"/>
    public string? Usual => _said.Usual;

    /// <inheritdoc cref="OptionAttribute.Unit"/>
    public string? Unit => _said.Unit;

    /// <inheritdoc cref="OptionAttribute.ZeroMeans"/>
    public string? ZeroMeans => _said.ZeroMeans;

    /// <inheritdoc cref="OptionAttribute.IsOptional"/>
    public bool IsOptional { get; }

    /// <inheritdoc cref="OptionAttribute.IsLabel"/>
    public bool IsLabel => _said.IsLabel;

    /// <inheritdoc cref="OptionAttribute.IsFixedOnceBegun"/>
    public bool IsFixedOnceBegun => _said.IsFixedOnceBegun;

    /// <summary>The smallest and the largest number that its type holds, for one that is a whole number.</summary>
    public (long Least, long Most) IntegersHeld => _type == typeof(long) ? (long.MinValue, long.MaxValue) : (int.MinValue, int.MaxValue);

    /// <inheritdoc cref="OptionAttribute.Minimum"/>
    public double Minimum => _said.Minimum;

    /// <inheritdoc cref="OptionAttribute.Maximum"/>
    public double Maximum => _said.Maximum;

    /// <inheritdoc cref="OptionAttribute.ExcludesMinimum"/>
    public bool ExcludesMinimum => _said.ExcludesMinimum;

    /// <inheritdoc cref="OptionAttribute.ExcludesMaximum"/>
    public bool ExcludesMaximum => _said.ExcludesMaximum;

    /// <summary>The entries of an enumeration, for a choice among them.</summary>
    public IReadOnlyList<string>? Choices { get; }

    /// <inheritdoc cref="OptionAttribute.SliderMaximum"/>
    public (double Least, double Most, double Step)? Slider =>
        _said.SliderMaximum > _said.SliderMinimum ? (_said.SliderMinimum, _said.SliderMaximum, _said.SliderStep) : null;

    /// <summary>Its value in <paramref name="options"/>, such that two values that mean the same are equal: ids however they are written, lists
    /// by their text.</summary>
    public object? Value(object options) => Held(options) switch
    {
        string text when Guid.TryParse(text, out Guid id) => id.ToString(),
        string text => text,
        IEnumerable list => string.Join(", ", list.Cast<object>().Select(entry => entry is string text && Guid.TryParse(text, out Guid id) ? id : entry)),
        var value => value,
    };

    /// <summary>Its value in <paramref name="options"/> as it is.</summary>
    internal object? Held(object options) => _held(options);

    /// <summary>Its value in options that were written as JSON; null where it is blank or missing.</summary>
    public JsonNode? In(JsonObject options) => _names.Aggregate((JsonNode?)options, (node, name) => (node as JsonObject)?[name]);

    /// <summary>Writes it into options that are JSON, with the groups that it needs.</summary>
    public void Put(JsonObject options, JsonNode? value)
    {
        foreach (string group in _names[..^1])
        {
            if (options[group] is not JsonObject inner)
                options[group] = inner = [];
            options = inner;
        }
        options[_names[^1]] = value;
    }

    /// <summary>Why the value in <paramref name="options"/> is not allowed, whatever the other options are; null when it is.</summary>
    internal string? Problem(object options) => (Kind, Held(options)) switch
    {
        (_, null) => null,
        (OptionKind.Choice, Enum value) when !Enum.IsDefined(_type, value) =>
            $"The value '{value}' is unknown. Choose one of: {string.Join(", ", Enum.GetNames(_type))}.",
        (OptionKind.Integer, object value) when !Allows(Convert.ToDouble(value, CultureInfo.InvariantCulture)) =>
            $"The value is {value}, expected {(Maximum >= int.MaxValue ? $"at least {Text(Minimum)}" : $"{Text(Minimum)} to {Text(Maximum)}")} "
            + $"({_said.Advice}).",
        (OptionKind.Number, double value) when !Allows(value) => $"The value is {Text(value)}, expected {Expected}; {_said.Advice}.",
        _ => null,
    };

    // NaN fails every comparison.
    private bool Allows(double value) =>
        (ExcludesMinimum ? value > Minimum : value >= Minimum) && (ExcludesMaximum ? value < Maximum : value <= Maximum);

    /// <summary>Why a JSON value cannot be this option's, with what was expected; null when it can.</summary>
    internal string? Unreadable(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null && IsOptional)
            return null;
        (bool isOne, string expected) = Kind switch
        {
            OptionKind.Choice when Choices is not null => (value.ValueKind == JsonValueKind.String && Choices.Contains(value.GetString(), StringComparer.OrdinalIgnoreCase),
                $"one of {string.Join(", ", Choices)}"),
            OptionKind.Number => (IsNumber(value), "a number"),
            OptionKind.Integer => (IsInteger(value), $"a whole number from {IntegersHeld.Least} to {IntegersHeld.Most}"),
            OptionKind.Boolean => (value.ValueKind is JsonValueKind.True or JsonValueKind.False, "true or false"),
            OptionKind.LayerList => (IsListOf(IsInteger), "a list of whole numbers, as [0, 2]"),
            OptionKind.Numbers => (IsListOf(IsNumber), "a list of numbers, as [0.5, 0.5]"),
            OptionKind.Entries or OptionKind.Lines => (IsListOf(IsText), "a list of texts"),
            _ => (IsText(value), "a text"),
        };
        return isOne ? null : $"The value is {ForeignText.Quote(value.GetRawText())}, expected {expected}. Give it such a one, or leave it out.";

        bool IsListOf(Func<JsonElement, bool> isOne) => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(isOne);

        bool IsInteger(JsonElement number) => number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out long whole) && whole >= IntegersHeld.Least && whole <= IntegersHeld.Most;

        static bool IsNumber(JsonElement number) => number.ValueKind == JsonValueKind.Number;

        static bool IsText(JsonElement text) => text.ValueKind == JsonValueKind.String;
    }

    private string Expected => ExcludesMaximum ? $"{Text(Minimum)} {(ExcludesMinimum ? "<" : "<=")} value < {Text(Maximum)}"
        : ExcludesMinimum ? $"a number from the range more than {Text(Minimum)} and at most {Text(Maximum)}"
        : $"a number from the range {Text(Minimum)} to {Text(Maximum)}";

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static OptionKind KindOf(Type type, OptionAttribute said, string path) =>
        type == typeof(IReadOnlyList<string>) && said.IsChosen ? OptionKind.Entries
        : type.IsEnum || said.IsChosen ? OptionKind.Choice
        : type == typeof(bool) ? OptionKind.Boolean
        : type == typeof(double) ? OptionKind.Number
        : type == typeof(int) || type == typeof(long) ? OptionKind.Integer
        : type == typeof(IReadOnlyList<int>) ? OptionKind.LayerList
        : type == typeof(IReadOnlyList<double>) ? OptionKind.Numbers
        : type == typeof(IReadOnlyList<string>) ? OptionKind.Lines
        : type == typeof(string) ? OptionKind.Text
        : throw new NotSupportedException($"An option of the type {type} ({path}) cannot be written on a form. Give {nameof(OptionKind)} a kind for it.");
}
