using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace WebDistill.Web.Http;

/// <summary>
/// How /openapi/v1.json describes numbers that were measured: a number, or the text "Infinity", "-Infinity" or "NaN". Those that somebody asks
/// for are plain numbers, because the records of requests say that they are read strictly.
/// </summary>
internal static class NumberSchemas
{
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        Type type = context.JsonTypeInfo.Type;
        // Where a number is read strictly, the schema has one type and nothing to choose from.
        if ((Nullable.GetUnderlyingType(type) ?? type) != typeof(double) || schema.AnyOf is not { Count: > 0 })
            return Task.CompletedTask;
        (schema.Type, schema.Format) = (null, null);
        schema.AnyOf =
        [
            new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" },
            new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Enum = [JsonValue.Create("Infinity"), JsonValue.Create("-Infinity"), JsonValue.Create("NaN")],
            },
        ];
        if (type != typeof(double))
            schema.AnyOf.Add(new OpenApiSchema { Type = JsonSchemaType.Null });
        return Task.CompletedTask;
    }
}
