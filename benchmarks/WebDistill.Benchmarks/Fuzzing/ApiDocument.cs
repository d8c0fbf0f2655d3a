using System.Text.Json;
using System.Text.Json.Nodes;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>A parameter of an operation.</summary>
/// <param name="In">"path" or "query".</param>
internal sealed record ApiParameter(string Name, string In);

/// <summary>A method on a path, with what it reads.</summary>
/// <param name="Path">With its parameters in braces.</param>
/// <param name="ContentType">Of the body; null for none.</param>
/// <param name="Schema">Name of the body's schema among the document's components; null for none.</param>
internal sealed record ApiOperation(string Method, string Path, IReadOnlyList<ApiParameter> Parameters, string? ContentType, string? Schema)
{
    public override string ToString() => $"{Method} {Path}";
}

/// <summary>What /openapi/v1.json says: every operation in its order, and bodies made from their schemas.</summary>
internal sealed class ApiDocument
{
    private const int MostDepth = 6;
    private readonly JsonElement _schemas;

    public ApiDocument(JsonElement document)
    {
        _schemas = document.GetProperty("components").GetProperty("schemas");
        Operations = [.. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()
            .Select(operation => Read(path.Name, operation.Name, operation.Value)))];
    }

    public IReadOnlyList<ApiOperation> Operations { get; }

    /// <summary>A value that a schema allows, as far as types go; every property is there or not by chance.</summary>
    public JsonNode? Sample(string schema, Random random) => Sample(_schemas.GetProperty(schema), random, 0);

    /// <summary>The names of a schema's properties.</summary>
    public string[] Properties(string schema) =>
        _schemas.GetProperty(schema).TryGetProperty("properties", out JsonElement properties)
            ? [.. properties.EnumerateObject().Select(property => property.Name)] : [];

    private JsonNode? Sample(JsonElement schema, Random random, int depth)
    {
        if (depth > MostDepth)
            return null;
        if (schema.TryGetProperty("$ref", out JsonElement reference))
            return Sample(_schemas.GetProperty(reference.GetString()!.Split('/')[^1]), random, depth + 1);
        if (schema.TryGetProperty("enum", out JsonElement values))
            return JsonNode.Parse(values[random.Next(values.GetArrayLength())].GetRawText());
        if (schema.TryGetProperty("oneOf", out JsonElement choices))
            return Sample(choices[random.Next(choices.GetArrayLength())], random, depth + 1);
        switch (Type(schema, random))
        {
            case "object":
                var sample = new JsonObject();
                if (schema.TryGetProperty("properties", out JsonElement properties))
                {
                    foreach (JsonProperty property in properties.EnumerateObject().Where(_ => random.Next(3) > 0))
                        sample[property.Name] = Sample(property.Value, random, depth + 1);
                }
                return sample;
            case "array":
                return schema.TryGetProperty("items", out JsonElement items)
                    ? new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Sample(items, random, depth + 1))]) : new JsonArray();
            case "integer":
                return random.Next(-2, 20);
            case "number":
                return Math.Round(random.NextDouble() * 2, 3);
            case "boolean":
                return random.Next(2) == 0;
            case "string":
                return schema.TryGetProperty("format", out JsonElement format) && format.GetString() == "uuid"
                    ? Guid.Empty.ToString() : $"text {random.Next(100)}";
            default:
                return null;
        }
    }

    // "string", or ["null", "string"] where the value may be missing.
    private static string? Type(JsonElement schema, Random random)
    {
        if (!schema.TryGetProperty("type", out JsonElement type))
            return null;
        if (type.ValueKind == JsonValueKind.String)
            return type.GetString();
        string[] types = [.. type.EnumerateArray().Select(one => one.GetString()!)];
        return types[random.Next(types.Length)];
    }

    private static ApiOperation Read(string path, string method, JsonElement operation)
    {
        ApiParameter[] parameters = operation.TryGetProperty("parameters", out JsonElement list)
            ? [.. list.EnumerateArray().Select(one => new ApiParameter(one.GetProperty("name").GetString()!, one.GetProperty("in").GetString()!))] : [];
        if (!operation.TryGetProperty("requestBody", out JsonElement body))
            return new ApiOperation(method.ToUpperInvariant(), path, parameters, null, null);
        JsonProperty content = body.GetProperty("content").EnumerateObject().First();
        string? schema = content.Value.TryGetProperty("schema", out JsonElement found) && found.TryGetProperty("$ref", out JsonElement reference)
            ? reference.GetString()!.Split('/')[^1] : null;
        return new ApiOperation(method.ToUpperInvariant(), path, parameters, content.Name, schema);
    }
}
