using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Http;

/// <summary>How /openapi/v1.json describes an option: by what its <see cref="OptionAttribute"/> says, bounds included.</summary>
internal static class OptionSchemas
{
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        // The values of an enumeration are one schema for all who use it: what one option says is not theirs.
        if (context.JsonPropertyInfo is not { AttributeProvider: PropertyInfo property, PropertyType.IsEnum: false }
            || property.GetCustomAttribute<OptionAttribute>() is not OptionAttribute said)
            return Task.CompletedTask;
        Say(schema, said.Label, said.What, said.Usual);
        Bind(schema, said.Minimum, said.ExcludesMinimum, said.Maximum, said.ExcludesMaximum);
        if (property.PropertyType == typeof(IReadOnlyDictionary<string, ObjectiveTerm>))
        {
            schema.Properties = LossCatalogue.All.ToDictionary(loss => loss.Name, IOpenApiSchema (loss) => Term(loss));
            (schema.AdditionalProperties, schema.AdditionalPropertiesAllowed) = (null, false);
        }
        return Task.CompletedTask;
    }

    private static OpenApiSchema Term(Loss loss) => new()
    {
        Type = JsonSchemaType.Object, Title = loss.Title, Description = $"{loss.Formula}, in {loss.Unit}.", AdditionalPropertiesAllowed = false,
        Required = new HashSet<string> { "weight" },
        Properties = loss.Fields.ToDictionary(field => field.Path.Split('.')[^1], IOpenApiSchema (field) => Field(field)),
    };

    private static OpenApiSchema Field(OptionField field)
    {
        var schema = new OpenApiSchema
        {
            Type = field.Kind switch
            {
                OptionKind.Number => JsonSchemaType.Number,
                OptionKind.Integer => JsonSchemaType.Integer,
                OptionKind.Boolean => JsonSchemaType.Boolean,
                OptionKind.LayerList or OptionKind.Numbers or OptionKind.Lines or OptionKind.Entries => JsonSchemaType.Array,
                _ => JsonSchemaType.String,
            },
            Items = field.Kind switch
            {
                OptionKind.LayerList => new OpenApiSchema { Type = JsonSchemaType.Integer },
                OptionKind.Numbers => new OpenApiSchema { Type = JsonSchemaType.Number },
                OptionKind.Lines or OptionKind.Entries => new OpenApiSchema { Type = JsonSchemaType.String },
                _ => null,
            },
            Enum = field.Choices is null ? null : [.. field.Choices.Select(choice => (JsonNode)choice)],
        };
        Say(schema, field.Label, field.What, field.Usual);
        Bind(schema, field.Minimum, field.ExcludesMinimum, field.Maximum, field.ExcludesMaximum);
        return schema;
    }

    private static void Say(OpenApiSchema schema, string label, string what, string? usual) =>
        (schema.Title, schema.Description) = (label, usual is null ? what : $"{what} Usual: {usual}");

    private static void Bind(OpenApiSchema schema, double minimum, bool excludesMinimum, double maximum, bool excludesMaximum)
    {
        schema.Minimum = excludesMinimum ? null : Bound(minimum);
        schema.ExclusiveMinimum = excludesMinimum ? Bound(minimum) : null;
        schema.Maximum = excludesMaximum ? null : Bound(maximum);
        schema.ExclusiveMaximum = excludesMaximum ? Bound(maximum) : null;
    }

    private static string? Bound(double value) => double.IsFinite(value) ? value.ToString("0.##########", CultureInfo.InvariantCulture) : null;
}
