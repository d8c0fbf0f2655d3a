using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
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
        (schema.Title, schema.Description) = (said.Label, said.Usual is null ? said.What : $"{said.What} Usual: {said.Usual}");
        schema.Minimum = said.ExcludesMinimum ? null : Bound(said.Minimum);
        schema.ExclusiveMinimum = said.ExcludesMinimum ? Bound(said.Minimum) : null;
        schema.Maximum = said.ExcludesMaximum ? null : Bound(said.Maximum);
        schema.ExclusiveMaximum = said.ExcludesMaximum ? Bound(said.Maximum) : null;
        return Task.CompletedTask;
    }

    private static string? Bound(double value) => double.IsFinite(value) ? value.ToString("0.##########", CultureInfo.InvariantCulture) : null;
}
