using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace WebDistill.Web.Tests.Numbers;

/// <summary>Makes an instance of any record of the API with one number in every place where a double can stand.</summary>
internal static class FilledRecord
{
    public static object? Create(Type type, double value)
    {
        Type inner = Nullable.GetUnderlyingType(type) ?? type;
        if (inner == typeof(double))
            return value;
        if (inner == typeof(string))
            return "text";
        if (inner == typeof(JsonElement))
            return JsonSerializer.SerializeToElement(new { });
        if (inner.IsAssignableTo(typeof(JsonNode)))
            return new JsonObject();
        if (inner == typeof(DateTime))
            return DateTime.UnixEpoch;
        if (inner.IsEnum)
            return Enum.GetValues(inner).GetValue(0);
        if (inner.IsPrimitive || inner == typeof(Guid))
            return Activator.CreateInstance(inner);
        Type[] generic = inner.IsGenericType ? inner.GetGenericArguments() : [];
        if (generic is [Type key, Type entry] && inner.GetInterfaces().Append(inner).Any(i => i.Name.StartsWith("IReadOnlyDictionary", StringComparison.Ordinal)))
        {
            var entries = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(key, entry))!;
            entries.Add(Create(key, value)!, Create(entry, value));
            return entries;
        }
        if (inner.IsArray || generic is [_] && inner.IsAssignableTo(typeof(IEnumerable)))
        {
            Type element = inner.IsArray ? inner.GetElementType()! : generic[0];
            var array = Array.CreateInstance(element, 2);
            for (int i = 0; i < array.Length; i++)
                array.SetValue(Create(element, value), i);
            return array;
        }
        // A record's own constructor, not the one that copies it.
        ConstructorInfo constructor = inner.GetConstructors().Where(c => c.GetParameters() is not [ParameterInfo only] || only.ParameterType != inner)
            .MaxBy(c => c.GetParameters().Length)!;
        object made = constructor.Invoke([.. constructor.GetParameters().Select(parameter => Create(parameter.ParameterType, value))]);
        foreach (PropertyInfo property in inner.GetProperties().Where(p => p.SetMethod is { IsPublic: true } && p.GetIndexParameters().Length == 0))
            property.SetValue(made, Create(property.PropertyType, value));
        return made;
    }

    /// <summary>Doubles that a JSON document can show of a type: those of its readable properties, lists with both entries.</summary>
    public static int Count(JsonElement json, string literal) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().Sum(property => Count(property.Value, literal)),
        JsonValueKind.Array => json.EnumerateArray().Sum(item => Count(item, literal)),
        JsonValueKind.String => json.GetString() == literal ? 1 : 0,
        _ => 0,
    };
}
